package wasmfile

import (
	"errors"
	"fmt"
	"maps"
	"strings"

	"github.com/wasmfile/wasmfile/pkg/artifact"
)

// labelPrefix marks the labels that stand for annotations in the rendered
// Dockerfile.
const labelPrefix = "io.github.wasmfile.annotation."

// parseAnnotation returns the key=value words of an ANNOTATION, as written.
func parseAnnotation(rest string, escape rune) ([]string, error) {
	if strings.HasPrefix(rest, "--") {
		return nil, errors.New("ANNOTATION has no flags; write: ANNOTATION key=value")
	}
	words := quotedWords(rest, escape)
	if len(words) == 0 {
		return nil, errors.New("ANNOTATION needs key=value")
	}
	for _, w := range words {
		if key, _, ok := strings.Cut(w, "="); !ok || strings.Trim(key, `"'`) == "" {
			return nil, fmt.Errorf("ANNOTATION needs key=value, %q is not; quote a value that has spaces", w)
		}
	}
	return words, nil
}

// hasDynamicKey reports whether the key of a key=value word may stand for another.
func hasDynamicKey(word string) bool {
	key, _, _ := strings.Cut(word, "=")
	return IsDynamic(strings.Trim(key, `"'`))
}

// renderAnnotation is the instruction for a Dockerfile, in two parts between
// which a line can be broken.
func renderAnnotation(keyword string, words []string) (head, tail string) {
	parts := []string{likeCase("label", keyword)}
	for _, w := range words {
		parts = append(parts, labelPrefix+w)
	}
	last := len(parts) - 1
	return strings.Join(parts[:last], " ") + " ", parts[last]
}

// SplitLabels takes the annotations out of the labels that a rendered
// Dockerfile converts to. The standard org.opencontainers.image.* labels stay
// labels and are annotations as well; ANNOTATION wins over such a label.
func SplitLabels(labels map[string]string) (kept, annotations map[string]string) {
	kept, annotations = make(map[string]string), make(map[string]string)
	explicit := make(map[string]string)
	for key, value := range labels {
		if name, ok := strings.CutPrefix(key, labelPrefix); ok {
			explicit[name] = value
			continue
		}
		kept[key] = value
		if strings.HasPrefix(key, artifact.StandardPrefix) {
			annotations[key] = value
		}
	}
	maps.Copy(annotations, explicit)
	return kept, annotations
}
