package source

import (
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"sync"

	"github.com/containerd/nerdctl/v2/pkg/referenceutil"

	"github.com/wasmfile/wasmfile/nerdctlplugin/advice"
)

// ParseReference parses the name of an image in a registry.
func ParseReference(raw string) (*referenceutil.ImageReference, error) {
	ref, err := referenceutil.Parse(raw)
	if errors.Is(err, referenceutil.ErrLoadOCIArchiveRequired) {
		return nil, fmt.Errorf("%s is an archive: push it with `nerdctl wasm push %s REF` first", raw, raw)
	}
	if err != nil {
		return nil, advice.Add(fmt.Errorf("reference %q: %w", raw, err), "it has to be like registry.example/name:tag")
	}
	if ref.Protocol != "" {
		return nil, fmt.Errorf("%s: artifacts cannot be pulled from %s", raw, ref.Protocol)
	}
	return ref, nil
}

// notInNames are the characters that a repository's name is not made of.
var notInNames = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`[^a-z0-9]+`) })

// NameOfFile is the name of a repository that reminds of a file: "my-app" for
// "dir/My App.wasm".
func NameOfFile(path string) string {
	base := filepath.Base(strings.TrimPrefix(path, "oci-layout://"))
	base = strings.TrimSuffix(base, filepath.Ext(base))
	name := strings.Trim(notInNames().ReplaceAllString(strings.ToLower(base), "-"), "-")
	if name == "" {
		return "file"
	}
	return name
}
