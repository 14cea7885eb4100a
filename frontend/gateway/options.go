// Package gateway is the frontend as BuildKit sees it: it reads a Wasmfile,
// lets BuildKit build its stages, and makes an artifact of the result.
package gateway

import (
	"errors"
	"fmt"
	"os"

	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/frontend/gateway/client"
	"github.com/moby/buildkit/solver/pb"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Assembler is the program that runs as the last step of a build of an
// artifact: it calls assemble.Run.
type Assembler struct {
	// Root holds the program, static.
	Root llb.State
	// Args is its command line, beginning with the program's path in Root.
	Args []string
}

// Options are those of a Frontend. The zero value is for the frontend that
// BuildKit runs from an image.
type Options struct {
	// Assembler is the program for the last step; nil means the program
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
	return Assembler{Root: root, Args: []string{imageProgram, "assemble"}}, nil
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
