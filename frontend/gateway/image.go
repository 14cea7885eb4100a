package gateway

import (
	"context"
	"fmt"
	"maps"

	"github.com/moby/buildkit/frontend/dockerfile/dockerfile2llb"
	"github.com/moby/buildkit/frontend/dockerui"
	"github.com/moby/buildkit/frontend/gateway/client"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/wasmfile/wasmfile/frontend/assemble"
	"github.com/wasmfile/wasmfile/frontend/wasmfile"
)

// image builds what image exporters can export: for a Wasm platform, an image
// with the components as files in its root; for a target without components,
// the image that it describes, as the Dockerfile frontend builds it.
func (b *build) image(ctx context.Context) (*client.Result, error) {
	text, err := b.file.Dockerfile(wasmfile.Image)
	if err != nil {
		return nil, err
	}
	scan, err := b.scanner(ctx)
	if err != nil {
		return nil, err
	}
	var scanned scanTargets
	result, err := b.ui.Build(ctx, func(ctx context.Context, platform *ocispec.Platform, i int) (*dockerui.BuildResult, error) {
		options := b.imageOptions(ctx, platform)
		if i > 0 { // the linter warns, or fails, for the first platform
			options.Warn = nil
		}
		converted, err := dockerfile2llb.Dockerfile2LLB(ctx, text, options)
		if err == nil {
			err = b.violations()
		}
		if err != nil {
			return nil, err
		}
		if b.isComponentImage(platform) {
			if err := b.finishImage(ctx, *platform, converted.Image); err != nil {
				return nil, err
			}
		}
		scanned.add(platform, converted)
		return b.solveImage(ctx, converted)
	})
	if err != nil {
		return nil, err
	}
	if err := b.scan(ctx, scan, &scanned, result); err != nil {
		return nil, err
	}
	return result.Finalize()
}

// isComponentImage tells an image for a Wasm platform with components from one
// that the Dockerfile frontend would build.
func (b *build) isComponentImage(platform *ocispec.Platform) bool {
	return platform != nil && isWasm(*platform) && len(b.file.Components) > 0
}

// finishImage checks the components of an image, and makes the config one that
// runtimes of such images understand: the process is the path of a component.
func (b *build) finishImage(ctx context.Context, platform ocispec.Platform, image *dockerspec.DockerOCIImage) error {
	components, err := b.checkComponents(ctx, platform)
	if err != nil {
		return err
	}
	image.Platform = platform
	b.keepOwnProcess(&image.Config)
	if problem := assemble.StartFile(&image.Config, components); problem != nil {
		return b.problemError(problem)
	}
	return nil
}

// imageOptions are a Dockerfile's, but for an image of components.
func (b *build) imageOptions(ctx context.Context, platform *ocispec.Platform) dockerfile2llb.ConvertOpt {
	if b.isComponentImage(platform) {
		return b.convertOptions(ctx, *platform)
	}
	opt := b.convertOptions(ctx, defaultPlatform)
	opt.BuildArgs = maps.Clone(b.ui.BuildArgs)
	opt.TargetPlatform = platform
	return opt
}

func (b *build) solveImage(ctx context.Context, converted *dockerfile2llb.Result) (*dockerui.BuildResult, error) {
	definition, err := converted.State.Marshal(ctx)
	if err != nil { // as BuildKit's frontend says it
		return nil, fmt.Errorf("failed to marshal LLB definition: %w", err)
	}
	request := definition.ToPB()
	b.nameSteps(request)
	solved, err := b.client.Solve(ctx, client.SolveRequest{Definition: request, CacheImports: b.ui.CacheImports})
	if err != nil {
		return nil, err
	}
	reference, err := solved.SingleRef()
	if err != nil {
		return nil, err
	}
	return &dockerui.BuildResult{
		Reference: reference,
		Image:     converted.Image,
		BaseImage: converted.BaseImage,
		Epoch:     converted.Epoch,
	}, nil
}
