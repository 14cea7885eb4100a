package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/frontend/dockerfile/dockerfile2llb"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/frontend/gateway/client"
	"github.com/moby/buildkit/solver/pb"
	"github.com/moby/buildkit/util/system"
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
	_, manifest, err := b.readReport(ctx, layout.reference)
	if err != nil {
		return nil, err
	}
	if manifest == nil {
		return nil, errors.New("the assembly made no manifest")
	}
	sbom, err := b.sbom(ctx, target)
	if err != nil {
		return nil, err
	}
	result, err := b.result(layout.reference, *manifest)
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

// checkComponents builds the target's stages and checks the components.
func (b *build) checkComponents(ctx context.Context, target ocispec.Platform) error {
	report, err := b.assembled(ctx, target, true)
	if err != nil {
		return err
	}
	_, _, err = b.readReport(ctx, report.reference)
	return err
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
	text, err := b.file.Dockerfile(wasmfile.Artifact)
	if err != nil {
		return nil, err
	}
	converted, err := dockerfile2llb.Dockerfile2LLB(ctx, text, b.convertOptions(ctx, target))
	if err != nil {
		return nil, err
	}
	spec := b.spec(converted)
	spec.CheckOnly = checkOnly
	layout, err := b.assembly(converted.State, spec)
	if err != nil {
		return nil, err
	}
	definition, err := layout.Marshal(ctx, llb.WithCaps(b.client.BuildOpts().LLBCaps), llb.Platform(b.ui.BuildPlatforms[0]))
	if err != nil {
		return nil, err
	}
	request := definition.ToPB()
	if err := refuseSecrets(request); err != nil {
		return nil, err
	}
	b.nameSteps(request)
	solved, err := b.client.Solve(ctx, client.SolveRequest{Definition: request, CacheImports: b.ui.CacheImports})
	if err != nil {
		return nil, err
	}
	reference, err := solved.SingleRef()
	return &assembled{state: layout, reference: reference}, err
}

// assembly is the step that turns the target stage into a layout.
func (b *build) assembly(stage llb.State, spec assemble.Spec) (llb.State, error) {
	host := b.ui.BuildPlatforms[0]
	encoded, err := json.Marshal(spec)
	if err != nil {
		return llb.State{}, fmt.Errorf("encode what to assemble: %w", err)
	}
	program, err := b.frontend.assembler(b.client, host)
	if err != nil {
		return llb.State{}, err
	}
	name := "[artifact] assemble"
	if spec.CheckOnly {
		name = "[artifact] check components"
	}
	created := llb.WithCreatedTime(time.Unix(0, 0))
	specState := llb.Scratch().File(llb.Mkfile(assemble.SpecFile, 0o644, encoded, created),
		llb.WithCustomName("[internal] describe the artifact"), llb.Platform(host))
	options := append(program.run("assemble"),
		llb.AddMount(assemble.InputDir, stage, llb.Readonly),
		llb.AddMount(assemble.SpecDir, specState, llb.Readonly),
		llb.Network(pb.NetMode_NONE),
		llb.WithCustomName(name),
		llb.Platform(host),
	)
	if b.ui.IsNoCache("") {
		options = append(options, llb.IgnoreCache)
	}
	return llb.Scratch().Run(options...).AddMount(assemble.OutputDir, llb.Scratch()), nil
}

// nativePath is what BuildKit puts into the environment of an image FROM
// scratch. A component has no use for directories of programs.
const nativePath = "PATH=" + system.DefaultPathEnvUnix

// spec tells what to assemble. The process of a base image is a program of
// that image, not a component, so only the Wasmfile's own counts.
func (b *build) spec(converted *dockerfile2llb.Result) assemble.Spec {
	config := *converted.Image
	config.History, config.Created, config.RootFS = nil, nil, ocispec.RootFS{}
	config.Platform = ocispec.Platform{}
	if b.file.Entrypoint == nil {
		config.Config.Entrypoint = nil
	}
	if b.file.Cmd == nil {
		config.Config.Cmd = nil
	}
	if converted.BaseImage == nil {
		config.Config.Env = slices.DeleteFunc(slices.Clone(config.Config.Env), func(v string) bool { return v == nativePath })
	}
	spec := assemble.Spec{Components: len(b.file.Components)}
	config.Config.Labels, spec.Annotations = wasmfile.SplitLabels(config.Config.Labels)
	spec.Config = config
	if converted.Epoch != nil {
		seconds := converted.Epoch.Unix()
		spec.Epoch = &seconds
	}
	return spec
}

// nameSteps shows the user's instructions in the progress.
func (b *build) nameSteps(definition *pb.Definition) {
	const customName = "llb.customname"
	for digest, metadata := range definition.Metadata {
		var location []parser.Range
		for _, l := range definition.GetSource().GetLocations()[digest].GetLocations() {
			location = append(location, fromPB(l.GetRanges())...)
		}
		if name, ok := metadata.Description[customName]; ok {
			metadata.Description[customName] = b.file.StepName(name, location)
		}
		if group := metadata.ProgressGroup; group != nil { // COPY --link has one
			group.Name = b.file.StepName(group.Name, location)
		}
	}
}
