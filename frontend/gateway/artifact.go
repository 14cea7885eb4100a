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
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/frontend/gateway/client"
	"github.com/moby/buildkit/solver/pb"
	"github.com/moby/buildkit/util/system"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/wasmfile/wasmfile/frontend/assemble"
	"github.com/wasmfile/wasmfile/frontend/wasmfile"
	"github.com/wasmfile/wasmfile/pkg/artifact"
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
	_, manifest, err := b.readReport(ctx, reference)
	if err != nil {
		return nil, err
	}
	if manifest == nil {
		return nil, errors.New("the assembly made no manifest")
	}
	return b.result(reference, *manifest)
}

// checkComponents builds the target's stages and checks the components.
func (b *build) checkComponents(ctx context.Context, target ocispec.Platform) error {
	reference, err := b.assembled(ctx, target, true)
	if err != nil {
		return err
	}
	_, _, err = b.readReport(ctx, reference)
	return err
}

// assembled builds the target's stages, and the layout of them; for checkOnly
// there is only the report.
func (b *build) assembled(ctx context.Context, target ocispec.Platform, checkOnly bool) (client.Reference, error) {
	if err := b.checkInstructions(); err != nil {
		return nil, err
	}
	converted, err := b.convert(ctx, wasmfile.Artifact, b.convertOptions(ctx, target))
	if err != nil {
		return nil, err
	}
	if err := b.checkBase(converted.BaseImage); err != nil {
		return nil, err
	}
	spec := b.spec(converted)
	spec.CheckOnly = checkOnly
	mounts, err := b.components(ctx, target)
	if err != nil {
		return nil, err
	}
	if converted.State.Output() != nil { // else there are no files
		mounts = append(mounts, llb.AddMount(assemble.InputDir, converted.State, llb.Readonly))
	}
	layout, err := b.assembly(mounts, spec)
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

// checkBase refuses an artifact as a base: its components would be lost.
func (b *build) checkBase(image *dockerspec.DockerOCIImage) error {
	if image == nil || image.Config.Labels[artifact.AnnotationLayers] == "" {
		return nil
	}
	return parser.WithLocation(errors.New("this is a Wasm artifact, whose components a stage does not take over: write FROM scratch, and COMPONENT --from=<artifact> for those that you need"), b.file.Base)
}

// convert is BuildKit's conversion of the file in one of its forms.
func (b *build) convert(ctx context.Context, form wasmfile.Form, opt dockerfile2llb.ConvertOpt) (*dockerfile2llb.Result, error) {
	text, err := b.file.Dockerfile(form)
	if err != nil {
		return nil, err
	}
	return dockerfile2llb.Dockerfile2LLB(ctx, text, opt)
}

// components are the mounts with what COMPONENTs bring, and with what the base
// of the target's stages has in the same place: nothing, unless somebody wants
// to add a component that no COMPONENT names.
func (b *build) components(ctx context.Context, target ocispec.Platform) ([]llb.RunOption, error) {
	host := llb.Platform(b.ui.BuildPlatforms[0])
	opt := b.convertOptions(ctx, target)
	warn := opt.Warn
	opt.Warn = func(rule, description, url, message string, location []parser.Range) {
		if rule != linter.RuleConsistentInstructionCasing.Name { // which is about all of the file
			warn(rule, description, url, message, location)
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

// assembly is the step that makes a layout of what is mounted.
func (b *build) assembly(mounts []llb.RunOption, spec assemble.Spec) (llb.State, error) {
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
		llb.AddMount(assemble.SpecDir, specState, llb.Readonly),
		llb.Network(pb.NetMode_NONE),
		llb.WithCustomName(name),
		llb.Platform(host),
	}
	if b.ui.IsNoCache("") {
		options = append(options, llb.IgnoreCache)
	}
	return llb.Scratch().Run(append(options, mounts...)...).AddMount(assemble.OutputDir, llb.Scratch()), nil
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
	var spec assemble.Spec
	for _, c := range b.file.Components {
		spec.Components = append(spec.Components, assemble.ComponentSpec{
			MediaType: c.MediaType(), Optional: c.Optional(), Exclude: c.Exclude(),
		})
	}
	config.Config.Labels, spec.Annotations = wasmfile.SplitLabels(config.Config.Labels)
	spec.Config = config
	if converted.Epoch != nil {
		seconds := converted.Epoch.Unix()
		spec.Epoch = &seconds
	}
	return spec
}

// nameSteps shows the user's instructions in the progress, and has what BuildKit
// reports of a step at their lines. A download has the name of the step that
// copies it, and no lines.
func (b *build) nameSteps(definition *pb.Definition) {
	const customName, command = "llb.customname", "com.docker.dockerfile.v1.command"
	lines := make(map[string]*pb.Locations) // by the step's name
	locations := definition.GetSource().GetLocations()
	for digest, metadata := range definition.Metadata {
		if l := locations[digest]; len(l.GetLocations()) > 0 {
			lines[metadata.Description[customName]] = l
		}
	}
	for digest, metadata := range definition.Metadata {
		name := metadata.Description[customName]
		if l := lines[name]; l != nil && name != "" && len(locations[digest].GetLocations()) == 0 {
			locations[digest] = l
		}
		var ranges []parser.Range
		for _, l := range locations[digest].GetLocations() {
			ranges = append(ranges, fromPB(l.GetRanges())...)
		}
		if name != "" {
			metadata.Description[customName] = b.file.StepName(name, ranges)
		}
		if group := metadata.ProgressGroup; group != nil { // COPY --link has one
			group.Name = b.file.StepName(group.Name, ranges)
		}
		if c := b.file.ComponentAt(ranges); c != nil && metadata.Description[command] != "" {
			metadata.Description[command] = c.Text
		}
	}
}
