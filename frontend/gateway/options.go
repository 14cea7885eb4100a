// Package gateway is the frontend as BuildKit sees it: it reads a Wasmfile,
// lets BuildKit build its stages, and makes an artifact of the result.
package gateway

import (
	"errors"
	"fmt"
	"os"
	"path"
	"regexp"
	"slices"
	"sync"

	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/frontend/gateway/client"
	"github.com/moby/buildkit/solver/pb"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/wasmfile/wasmfile/frontend/wasmfile"
)

// Assembler is the program that runs as the last steps of a build of an
// artifact.
type Assembler struct {
	// Root holds the program, static.
	Root llb.State
	// Command is its command line, beginning with the program's path in Root,
	// without the last word, which says what to do: "assemble" for
	// assemble.Run, "push" for push.Run.
	Command []string
}

// programDir is where the assembler's files are in the container of a step.
// They are not its root: the builder makes a writable overlay of a root, and
// unmounting one writes everything to disk that the file system below has not
// written yet.
const programDir = "/run/wasmfile/program"

// run lets the program do a step.
func (a Assembler) run(step string) []llb.RunOption {
	args := append(slices.Clone(a.Command), step)
	args[0] = path.Join(programDir, args[0])
	return []llb.RunOption{llb.Args(args), llb.AddMount(programDir, a.Root, llb.Readonly)}
}

// failedStep is what BuildKit says when the program fails.
var failedStep = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`process "` + regexp.QuoteMeta(programDir) + `/[^"]*" did not complete successfully: (.*)`)
})

// explainStep makes the failure of a step of the program one that speaks of the
// artifact. The reason is in what the step printed.
func explainStep(err error) error {
	if failed := failedStep().FindStringSubmatch(err.Error()); failed != nil {
		return wasmfile.WithMessage(err, "the last step of the artifact failed, what it printed says why ("+failed[1]+")")
	}
	return err
}

// Options are those of a Frontend. The zero value is for the frontend that
// BuildKit runs from an image.
type Options struct {
	// Assembler is the program for the last steps; nil means the program
	// /wasmfile-frontend of the image that the frontend runs from. A frontend
	// that runs in a client has to give one.
	Assembler *Assembler
}

// Frontend builds Wasmfiles.
type Frontend struct {
	options Options
}

// New returns a frontend.
func New(options Options) *Frontend { return &Frontend{options: options} }

const (
	// imageDefinition is where BuildKit mounts the definition of the image
	// that a frontend runs from.
	imageDefinition = "/run/config/buildkit/metadata/frontend.bin"

	// optSource is the frontend option with the reference of that image.
	optSource = "source"

	// imageProgram is the program in that image.
	imageProgram = "/wasmfile-frontend"
)

func (f *Frontend) assembler(c client.Client, platform ocispec.Platform) (Assembler, error) {
	if f.options.Assembler != nil {
		return *f.options.Assembler, nil
	}
	root, err := ownImage(c, platform)
	if err != nil {
		return Assembler{}, err
	}
	return Assembler{Root: root, Command: []string{imageProgram}}, nil
}

// ownImage is the image that the frontend runs from, as BuildKit pinned it.
func ownImage(c client.Client, platform ocispec.Platform) (llb.State, error) {
	if encoded, err := os.ReadFile(imageDefinition); err == nil {
		var definition pb.Definition
		if err := definition.UnmarshalVT(encoded); err != nil {
			return llb.State{}, fmt.Errorf("%s: %w", imageDefinition, err)
		}
		op, err := llb.NewDefinitionOp(&definition)
		if err != nil {
			return llb.State{}, fmt.Errorf("%s: %w", imageDefinition, err)
		}
		return llb.NewState(op).Platform(platform), nil
	}
	reference := c.BuildOpts().Opts[optSource]
	if reference == "" {
		return llb.State{}, errors.New("the builder does not say from which image the frontend runs: it needs BuildKit 0.12 or newer, or a # syntax= line")
	}
	return llb.Image(reference, llb.WithMetaResolver(c), llb.Platform(platform)), nil
}
