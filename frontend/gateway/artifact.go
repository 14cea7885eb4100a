package gateway

import (
	"context"
	"errors"
	"fmt"

	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/frontend/dockerfile/dockerfile2llb"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/frontend/gateway/client"
	"github.com/moby/buildkit/solver/pb"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/wasmfile/wasmfile/frontend/assemble"
	"github.com/wasmfile/wasmfile/frontend/wasmfile"
)

// maxInstructions is how many COMPONENTs can come one after the other: each is
// a snapshot on the one before, and Linux's overlay file system stacks 500.
const maxInstructions = 500

func (b *build) checkInstructions() error {
	if n := len(b.file.Components); n > maxInstructions {
		return parser.WithLocation(fmt.Errorf("this is one of %d COMPONENT instructions, the limit is %d: take several files by one, for example COMPONENT *.wasm", n, maxInstructions),
			b.file.Components[maxInstructions].Location)
	}
	return nil
}

// artifact builds an OCI image layout as files, and pushes it when that is
// asked for.
func (b *build) artifact(ctx context.Context, target ocispec.Platform) (*client.Result, error) {
	targets, err := b.pushTargets()
	if err != nil {
		return nil, err
	}
	layout, err := b.assembled(ctx, target, false)
	if err != nil {
		return nil, err
	}
	report, manifest, err := b.readReport(ctx, layout.reference)
	if err != nil {
		return nil, err
	}
	if err := b.lintComponents(ctx, report); err != nil {
		return nil, err
	}
	if manifest == nil {
		return nil, errors.New("the assembly made no manifest")
	}
	sbom, err := b.sbom(ctx, target)
	if err != nil {
		return nil, err
	}
	result, err := b.result(layout.reference, *manifest, report.Components)
	if err != nil {
		return nil, err
	}
	if sbom != nil {
		if err := b.attest(ctx, result, sbom); err != nil {
			return nil, err
		}
	}
	if len(targets) == 0 {
		return result, nil
	}
	return result, b.pushInto(ctx, result, targets, *layout, *manifest, sbom)
}

// checkComponents builds the target's stages, checks the components and returns
// them.
func (b *build) checkComponents(ctx context.Context, target ocispec.Platform) ([]assemble.ComponentReport, error) {
	checked, err := b.assembled(ctx, target, true)
	if err != nil {
		return nil, err
	}
	report, _, err := b.readReport(ctx, checked.reference)
	if err != nil {
		return nil, err
	}
	return report.Components, b.lintComponents(ctx, report)
}

// assembled is what the assembly made: how, and the files.
type assembled struct {
	state     llb.State
	reference client.Reference
}

// assembled builds the target's stages, and the layout of them; for checkOnly
// there is only the report.
func (b *build) assembled(ctx context.Context, target ocispec.Platform, checkOnly bool) (*assembled, error) {
	if err := b.checkInstructions(); err != nil {
		return nil, err
	}
	options := b.convertOptions(ctx, target)
	converted, err := b.convert(ctx, wasmfile.Artifact, options)
	if err != nil {
		return nil, err
	}
	if err := b.violations(); err != nil {
		return nil, err
	}
	if err := b.checkBase(converted.BaseImage); err != nil {
		return nil, err
	}
	spec := b.spec(converted)
	spec.CheckOnly = checkOnly
	mounts, err := b.components(ctx, options)
	if err != nil {
		return nil, err
	}
	if converted.State.Output() != nil { // else there are no files
		mounts = append(mounts, llb.AddMount(assemble.InputDir, converted.State, llb.Readonly))
	}
	layout, steps, err := b.steps(ctx, mounts, spec)
	if err != nil {
		return nil, err
	}
	reference, err := b.solve(ctx, steps)
	return &assembled{state: layout, reference: reference}, err
}

// steps are those that make a layout, and all that it needs.
func (b *build) steps(ctx context.Context, mounts []llb.RunOption, spec assemble.Spec) (llb.State, *pb.Definition, error) {
	layout, err := b.assembly(mounts, spec)
	if err != nil {
		return layout, nil, err
	}
	definition, err := layout.Marshal(ctx, llb.WithCaps(b.client.BuildOpts().LLBCaps), llb.Platform(b.ui.BuildPlatforms[0]))
	if err != nil {
		return layout, nil, err
	}
	request := definition.ToPB()
	if err := refuseSecrets(request); err != nil {
		return layout, nil, err
	}
	b.nameSteps(request)
	return layout, request, nil
}

func (b *build) solve(ctx context.Context, steps *pb.Definition) (client.Reference, error) {
	solved, err := b.client.Solve(ctx, client.SolveRequest{Definition: steps, CacheImports: b.ui.CacheImports})
	if err != nil {
		return nil, err
	}
	return solved.SingleRef()
}

// convert is BuildKit's conversion of the file in one of its forms.
func (b *build) convert(ctx context.Context, form wasmfile.Form, opt dockerfile2llb.ConvertOpt) (*dockerfile2llb.Result, error) {
	text, err := b.file.Dockerfile(form)
	if err != nil {
		return nil, err
	}
	return dockerfile2llb.Dockerfile2LLB(ctx, text, opt)
}
