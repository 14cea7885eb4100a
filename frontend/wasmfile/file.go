package wasmfile

import (
	"errors"
	"slices"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/parser"

	"github.com/wasmfile/wasmfile/pkg/artifact"
)

// Form is what a Wasmfile is rendered for.
type Form int

const (
	// Artifact has all of the target's stages but the components.
	Artifact Form = iota
	// Components has of the target's stages the components, below Dir, and what
	// their words depend on. Nothing else can put a file there.
	Components
	// Image puts the components of the target's stages into the root of the
	// filesystem, leaves out those of other stages, and all annotations.
	Image
	// Check has all instructions of all stages, for the linter and for
	// outlines.
	Check
)

// Component is a COMPONENT instruction.
type Component struct {
	// Text is the instruction on one line, as the user wrote it.
	Text string
	// Location is its lines.
	Location []parser.Range
	// Comments are those right before it.
	Comments []string

	arguments *componentArguments
}

// From is the value of --from; empty for the build context and for URLs.
func (c Component) From() string { return c.arguments.from }

// CopyFrom has every rendering copy the files from a named context of this
// name, in place of --from. The files in it are for messages.
func (c Component) CopyFrom(context string, files []string) {
	c.arguments.context, c.arguments.available = context, files
}

// StepName is what the progress calls the step that brings the files.
func (c Component) StepName() string { return c.arguments.stepName("") }

// Sources are the files to copy, as written.
func (c Component) Sources() []string { return c.arguments.sources }

// MediaType is the type of the layers, empty for the usual one of Wasm layers.
func (c Component) MediaType() string { return c.arguments.mediaType }

// Exclude are the patterns of --exclude.
func (c Component) Exclude() []string {
	var patterns []string
	for _, f := range c.arguments.flags {
		if f.name == "exclude" {
			patterns = append(patterns, strings.TrimPrefix(f.value, "/"))
		}
	}
	return patterns
}

// Optional says that wildcards need not match anything.
func (c Component) Optional() bool { return c.arguments.optional }

// File is a parsed Wasmfile.
type File struct {
	// Components are those of the target's stages; the one at index i has the
	// ordinal i+1.
	Components []Component
	// AllComponents are those of all stages, as they come in the text.
	AllComponents []Component
	// Entrypoint and Cmd are the last of their kind in the target's stages;
	// nil when there is none.
	Entrypoint, Cmd *Process
	// Form is what the `form` directive says, empty when there is none.
	Form artifact.Form
	// Base is the FROM of the first of the target's stages, nil when it is
	// FROM scratch.
	Base []parser.Range
	// Instructions are the others of the target's stages, in the order in which
	// they take effect; ENTRYPOINT and CMD are among them.
	Instructions []Instruction
	// Copies are those of all stages.
	Copies []Copy
	// Keywords are those of the instructions of all stages.
	Keywords []Keyword

	// baseName is what is written in Base, variables replaced.
	baseName   string
	text       []byte
	lines      []string
	escape     rune
	extensions []*extension
	stages     stageNames
	args       map[string]bool
	// unneeded are instructions of the target's stages on which no COMPONENT
	// depends.
	unneeded []lineSpan
}

// Text is the user's own text.
func (f *File) Text() []byte { return f.text }

// BaseName is what Base names, variables replaced; empty without a base.
func (f *File) BaseName() string { return f.baseName }

// IsDockerfile reports whether the text has neither COMPONENT nor ANNOTATION
// in any stage.
func (f *File) IsDockerfile() bool { return len(f.extensions) == 0 }

// Dockerfile renders the file: same lines, other instructions.
func (f *File) Dockerfile(form Form) ([]byte, error) {
	if f.IsDockerfile() {
		return f.text, nil
	}
	lines := append([]string(nil), f.lines...)
	if form == Components {
		for _, n := range f.unneeded {
			blank(lines, n.first, n.last)
		}
	}
	for i, e := range f.extensions {
		switch {
		case !e.has(form):
			blank(lines, e.start, e.end)
			continue
		case e.component == nil:
			head, tail := renderAnnotation(e.keyword, e.annotation)
			replace(lines, e.start, e.end, f.escape, head, tail)
			continue
		}
		ordinal := e.ordinal
		if form == Check {
			ordinal = i + 1
		}
		c := *e.component
		if form == Components {
			c.flags = slices.DeleteFunc(slices.Clone(c.flags), func(f flag) bool { return f.name == "link" }) // there is no base to be independent of
		}
		head, tail, err := c.render(e.keyword, c.destination(ordinal, form))
		if err != nil {
			return nil, parser.WithLocation(err, e.location())
		}
		replace(lines, e.start, e.end, f.escape, head, tail)
	}
	return joinLines(lines), nil
}

// has reports whether the instruction is in the file of a form.
func (e *extension) has(form Form) bool {
	switch form {
	case Artifact:
		return e.wanted && e.component == nil
	case Components, Image:
		return e.wanted && e.component != nil
	}
	return true
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

// EmptyKeyError is the error of annotations one of which has no key. It is at the
// first ANNOTATION of the target's stages with a key that is not written out.
func (f *File) EmptyKeyError() error {
	err := errors.New("ANNOTATION has an empty key: a variable in it has no value")
	for _, e := range f.extensions {
		if e.wanted && slices.ContainsFunc(e.annotation, hasDynamicKey) {
			return parser.WithLocation(err, e.location())
		}
	}
	return err
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
