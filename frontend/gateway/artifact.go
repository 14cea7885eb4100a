package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"slices"
	"time"

	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/frontend/dockerfile/dockerfile2llb"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/frontend/gateway/client"
	"github.com/moby/buildkit/solver/pb"
	"github.com/moby/buildkit/util/system"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
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

// artifact builds an OCI image layout as files.
func (b *build) artifact(ctx context.Context, target ocispec.Platform) (*client.Result, error) {
	reference, err := b.assembled(ctx, target, false)
	if err != nil {
		return nil, err
	}
	report, manifest, err := b.readReport(ctx, reference)
	if err != nil {
		return nil, err
	}
	if manifest == nil {
		return nil, errors.New("the assembly made no manifest")
	}
	return b.result(reference, *manifest, report.Components)
}

// checkComponents builds the target's stages, checks the components and returns
// them.
func (b *build) checkComponents(ctx context.Context, target ocispec.Platform) ([]assemble.ComponentReport, error) {
	reference, err := b.assembled(ctx, target, true)
	if err != nil {
		return nil, err
	}
	report, _, err := b.readReport(ctx, reference)
	return report.Components, err
}

// assembled builds the target's stages, and the layout of them; for checkOnly
// there is only the report.
func (b *build) assembled(ctx context.Context, target ocispec.Platform, checkOnly bool) (client.Reference, error) {
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
	b.nameSteps(request)
	solved, err := b.client.Solve(ctx, client.SolveRequest{Definition: request, CacheImports: b.ui.CacheImports})
	if err != nil {
		return nil, err
	}
	return solved.SingleRef()
}

// programDir is where the assembler's files are in the container of its step.
// They are not its root: the builder makes a writable overlay of a root, and
// unmounting one writes everything to disk that the file system below has not
// written yet.
const programDir = "/run/wasmfile/program"

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
	options := []llb.RunOption{
		llb.Args(append([]string{path.Join(programDir, program.Args[0])}, program.Args[1:]...)),
		llb.AddMount(programDir, program.Root, llb.Readonly),
		llb.AddMount(assemble.InputDir, stage, llb.Readonly),
		llb.AddMount(assemble.SpecDir, specState, llb.Readonly),
		llb.Network(pb.NetMode_NONE),
		llb.WithCustomName(name),
		llb.Platform(host),
	}
	if b.ui.IsNoCache("") {
		options = append(options, llb.IgnoreCache)
	}
	return llb.Scratch().Run(options...).AddMount(assemble.OutputDir, llb.Scratch()), nil
}

// nativePath is what BuildKit puts into the environment of an image FROM
// scratch. A component has no use for directories of programs.
const nativePath = "PATH=" + system.DefaultPathEnvUnix

// keepOwnProcess takes out the process of a base image, which is a program of
// that image, not a component.
func (b *build) keepOwnProcess(config *dockerspec.DockerOCIImageConfig) {
	if b.file.Entrypoint == nil {
		config.Entrypoint = nil
	}
	if b.file.Cmd == nil {
		config.Cmd = nil
	}
}

// spec tells what to assemble.
func (b *build) spec(converted *dockerfile2llb.Result) assemble.Spec {
	config := *converted.Image
	config.History, config.Created, config.RootFS = nil, nil, ocispec.RootFS{}
	config.Platform = ocispec.Platform{}
	b.keepOwnProcess(&config.Config)
	if converted.BaseImage == nil {
		config.Config.Env = slices.DeleteFunc(slices.Clone(config.Config.Env), func(v string) bool { return v == nativePath })
	}
	spec := assemble.Spec{Components: len(b.file.Components), Form: b.format.form, Compression: b.format.compression}
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
