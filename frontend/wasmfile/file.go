package wasmfile

import (
	"errors"

	"github.com/moby/buildkit/frontend/dockerfile/parser"

	"github.com/wasmfile/wasmfile/pkg/artifact"
)

// Form is what a Wasmfile is rendered for.
type Form int

const (
	// Artifact puts the components of the target's stages below Dir, and
	// leaves out those of other stages.
	Artifact Form = iota
	// Image puts the components of the target's stages into the root of the
	// filesystem, leaves out those of other stages, and all annotations.
	Image
	// Check has all instructions of all stages, for the linter and for
	// outlines.
	Check
)

// Component is a COMPONENT instruction of the target's stages.
type Component struct {
	// Text is the instruction on one line, as the user wrote it.
	Text string
	// Location is its lines.
	Location []parser.Range
}

// File is a parsed Wasmfile.
type File struct {
	// Components are those of the target's stages; the one at index i has the
	// ordinal i+1.
	Components []Component
	// Entrypoint and Cmd are the last of their kind in the target's stages;
	// nil when there is none.
	Entrypoint, Cmd *Process
	// Form is what the `form` directive says, empty when there is none.
	Form artifact.Form

	target     target
	text       []byte
	lines      []string
	escape     rune
	extensions []*extension
}

// Text is the user's own text.
func (f *File) Text() []byte { return f.text }

// IsDockerfile reports whether the text has neither COMPONENT nor ANNOTATION
// in any stage.
func (f *File) IsDockerfile() bool { return len(f.extensions) == 0 }

// Dockerfile renders the file: same lines, other instructions.
func (f *File) Dockerfile(form Form) ([]byte, error) {
	lines := append([]string(nil), f.lines...)
	for i, e := range f.extensions {
		if form != Check && !e.wanted || form == Image && e.component == nil {
			blank(lines, e.start, e.end)
			continue
		}
		if e.component == nil {
			head, tail := renderAnnotation(e.keyword, e.annotation)
			replace(lines, e.start, e.end, f.escape, head, tail)
			continue
		}
		ordinal := e.ordinal
		if form == Check {
			ordinal = i + 1
		}
		head, tail, err := e.component.render(e.keyword, e.component.destination(ordinal, form))
		if err != nil {
			return nil, parser.WithLocation(err, e.location())
		}
		replace(lines, e.start, e.end, f.escape, head, tail)
	}
	return joinLines(lines), nil
}

// CheckAnnotations returns an error at the first ANNOTATION of a target that
// has no component and is therefore an ordinary image.
func (f *File) CheckAnnotations() error {
	for _, e := range f.extensions {
		if e.wanted && e.component == nil && len(f.Components) == 0 {
			return parser.WithLocation(errors.New("ANNOTATION is for artifacts, and this target has no COMPONENT: it builds an image, which takes annotations by --annotation"), e.location())
		}
	}
	return nil
}

// PlatformArgs are the predefined ARGs that say for what is built.
func PlatformArgs(os, architecture string) map[string]string {
	return map[string]string{
		"TARGETPLATFORM": os + "/" + architecture,
		"TARGETOS":       os,
		"TARGETARCH":     architecture,
		"TARGETVARIANT":  "",
	}
}
