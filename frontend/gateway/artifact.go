package gateway

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/frontend/dockerfile/dockerfile2llb"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/frontend/gateway/client"
	"github.com/moby/buildkit/solver/pb"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/wasmfile/wasmfile/frontend/assemble"
	"github.com/wasmfile/wasmfile/frontend/wasmfile"
	"github.com/wasmfile/wasmfile/pkg/artifact"
)

// maxInstructions is how many COMPONENTs a build can have: an artifact has no
// more layers, of which one is for the files.
const maxInstructions = artifact.MaxLayers - 1

func (b *build) checkInstructions() error {
	if n := len(b.file.Components); n > maxInstructions {
		return parser.WithLocation(fmt.Errorf("this is one of %d COMPONENT instructions, and an artifact has at most %d components: make two artifacts of them", n, maxInstructions),
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
	if err := b.lintComponents(ctx, layout.report); err != nil {
		return nil, err
	}
	if layout.manifest == nil {
		return nil, errors.New("the assembly made no manifest")
	}
	sbom, err := b.sbom(ctx, target)
	if err != nil {
		return nil, err
	}
	result, err := b.result(layout.reference, *layout.manifest, layout.report.Components)
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
	return result, b.pushInto(ctx, result, targets, *layout, sbom)
}

// checkComponents builds the target's stages, checks the components and returns
// them.
func (b *build) checkComponents(ctx context.Context, target ocispec.Platform) ([]assemble.ComponentReport, error) {
	checked, err := b.assembled(ctx, target, true)
	if err != nil {
		return nil, err
	}
	return checked.report.Components, b.lintComponents(ctx, checked.report)
}

// assembled is what the assembly made: how, the files, and what they are.
type assembled struct {
	state     llb.State
	reference client.Reference
	report    assemble.Report
	manifest  *ocispec.Descriptor // nil when only a check was asked for
}

// plan is what an assembly is made of.
type plan struct {
	files      llb.State
	components *components
	spec       assemble.Spec
}

// plan converts the file and looks for its components. Nothing is built yet.
func (b *build) plan(ctx context.Context, options dockerfile2llb.ConvertOpt, checkOnly bool) (*plan, error) {
	if err := b.checkInstructions(); err != nil {
		return nil, err
	}
	converted, err := b.convert(ctx, wasmfile.Artifact, options)
	if err != nil {
		return nil, err
	}
	if err := b.violations(); err != nil {
		return nil, err
	}
	if err := b.checkBase(ctx, converted.BaseImage); err != nil {
		return nil, err
	}
	if err := b.checkLabels(converted); err != nil {
		return nil, err
	}
	if e := converted.Epoch; e != nil && e.Year() > 9999 {
		return nil, fmt.Errorf("SOURCE_DATE_EPOCH %d is after the year 9999, which no config can say: give it in seconds", e.Unix())
	}
	spec := b.spec(converted)
	if _, empty := spec.Annotations[""]; empty {
		return nil, b.file.EmptyKeyError()
	}
	components, err := b.components(ctx, options)
	if err != nil {
		return nil, err
	}
	spec.CheckOnly = checkOnly
	return &plan{converted.State, components, spec}, nil
}

// checkLabels refuses labels that the assembly writes itself. Those of a base image it
// replaces.
func (b *build) checkLabels(converted *dockerfile2llb.Result) error {
	for _, key := range slices.Sorted(maps.Keys(b.ui.Labels)) {
		if err := wasmfile.CheckLabel(key); err != nil {
			return fmt.Errorf("--label: %w", err)
		}
	}
	var base map[string]string
	if converted.BaseImage != nil {
		base = converted.BaseImage.Config.Labels
	}
	return b.file.CheckLabels(converted.Image.Config.Labels, base)
}

// assembled builds the target's stages, and the layout of them; for checkOnly
// there is only the report.
func (b *build) assembled(ctx context.Context, target ocispec.Platform, checkOnly bool) (*assembled, error) {
	plan, err := b.plan(ctx, b.convertOptions(ctx, target), checkOnly)
	if err != nil {
		return nil, err
	}
	layout, steps, err := b.steps(ctx, plan)
	if err != nil {
		return nil, err
	}
	made, err := b.solve(ctx, steps, plan.components)
	if err != nil {
		return nil, err
	}
	made.state = layout
	return made, nil
}

// steps are those that make a layout, and all that it needs.
func (b *build) steps(ctx context.Context, plan *plan) (llb.State, *pb.Definition, error) {
	layout, err := b.assembly(plan)
	if err != nil {
		return layout, nil, err
	}
	definition, err := layout.Marshal(ctx, llb.WithCaps(b.client.BuildOpts().LLBCaps), llb.Platform(b.ui.BuildPlatforms[0]))
	if err != nil {
		return layout, nil, err
	}
	request := definition.ToPB()
	b.nameSteps(request)
	return layout, request, nil
}

// solve does the steps, and reads what they made.
func (b *build) solve(ctx context.Context, steps *pb.Definition, components *components) (*assembled, error) {
	solved, err := b.client.Solve(ctx, client.SolveRequest{Definition: steps, CacheImports: b.ui.CacheImports})
	if err != nil {
		return nil, explainStep(components.locate(err))
	}
	made := &assembled{}
	if made.reference, err = solved.SingleRef(); err != nil {
		return nil, err
	}
	// BuildKit may do the steps only now.
	if made.report, made.manifest, err = b.readReport(ctx, made.reference); err != nil {
		return nil, explainStep(components.locate(err))
	}
	return made, nil
}

// convert is BuildKit's conversion of the file in one of its forms.
func (b *build) convert(ctx context.Context, form wasmfile.Form, opt dockerfile2llb.ConvertOpt) (*dockerfile2llb.Result, error) {
	text, err := b.file.Dockerfile(form)
	if err != nil {
		return nil, err
	}
	return dockerfile2llb.Dockerfile2LLB(ctx, text, opt)
}
