package gateway

import (
	"context"
	"errors"
	"slices"

	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/frontend/dockerfile/dockerfile2llb"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"

	"github.com/wasmfile/wasmfile/frontend/assemble"
	"github.com/wasmfile/wasmfile/frontend/wasmfile"
	"github.com/wasmfile/wasmfile/pkg/artifact"
)

// components are the mounts with what COMPONENTs bring, and with what the base
// of the target's stages has in the same place: nothing, unless somebody wants
// to add a component that no COMPONENT names.
func (b *build) components(ctx context.Context, opt dockerfile2llb.ConvertOpt) ([]llb.RunOption, error) {
	host := llb.Platform(b.ui.BuildPlatforms[0])
	if warn := opt.Warn; warn != nil {
		opt.Warn = func(rule, description, url, message string, location []parser.Range) {
			if rule != linter.RuleConsistentInstructionCasing.Name { // which is about all of the file
				warn(rule, description, url, message, location)
			}
		}
	}
	converted, err := b.convert(ctx, wasmfile.Components, opt)
	if err != nil {
		return nil, err
	}
	const dir = "/" + wasmfile.Dir
	state := converted.State
	if !slices.ContainsFunc(b.file.Components, wasmfile.Component.IsCertain) {
		state = state.File(llb.Mkdir(dir, 0o755, llb.WithParents(true)), llb.WithCustomName("[internal] collect the components"), host)
	}
	mounts := []llb.RunOption{llb.AddMount(assemble.ComponentsDir, state, llb.SourcePath(dir), llb.Readonly)}
	if b.file.Base == nil {
		return mounts, nil
	}
	opt.Target, opt.Warn = "", nil
	base, err := b.convert(ctx, wasmfile.Base, opt)
	if err != nil {
		return nil, err
	}
	// A wildcard, because it may match nothing.
	wildcard := dir[:len(dir)-1] + "[" + dir[len(dir)-1:] + "]"
	reserved := llb.Scratch().File(
		llb.Copy(base.State, wildcard, "/", &llb.CopyInfo{AllowWildcard: true, AllowEmptyWildcard: true}),
		llb.WithCustomName("[internal] check the base"), host)
	return append(mounts, llb.AddMount(assemble.BaseDir, reserved, llb.Readonly)), nil
}

// checkBase refuses an artifact as a base: its components would be lost.
func (b *build) checkBase(image *dockerspec.DockerOCIImage) error {
	if image == nil || image.Config.Labels[artifact.AnnotationLayers] == "" {
		return nil
	}
	return parser.WithLocation(errors.New("this is a Wasm artifact, whose components a stage does not take over: write FROM scratch, and COMPONENT --from=<artifact> for those that you need"), b.file.Base)
}
