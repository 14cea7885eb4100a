package gateway

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/frontend/dockerfile/dockerfile2llb"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/solver/pb"
	"github.com/moby/buildkit/util/system"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/wasmfile/wasmfile/frontend/assemble"
	"github.com/wasmfile/wasmfile/frontend/wasmfile"
)

// assembly is the step that makes a layout of the files and the components.
func (b *build) assembly(plan *plan) (llb.State, error) {
	host := b.ui.BuildPlatforms[0]
	spec := plan.spec
	spec.Components = plan.components.specs
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
	if steps := plan.components.steps(b.file.Components); steps != "" {
		name = steps + ", " + name
	}
	created := llb.WithCreatedTime(time.Unix(0, 0))
	specState := llb.Scratch().File(llb.Mkfile(assemble.SpecFile, 0o644, encoded, created),
		llb.WithCustomName("[internal] describe the artifact"), llb.Platform(host))
	options := append(program.run("assemble"),
		llb.AddMount(assemble.SpecDir, specState, llb.Readonly),
		llb.Network(pb.NetMode_NONE),
		llb.WithCustomName(name),
		llb.Platform(host),
	)
	if plan.files.Output() != nil { // else there are none
		options = append(options, llb.AddMount(assemble.InputDir, plan.files, llb.Readonly))
	}
	return llb.Scratch().Run(append(options, plan.components.mounts...)...).AddMount(assemble.OutputDir, llb.Scratch()), nil
}

// nativePath is what BuildKit puts into the environment of an image FROM
// scratch. A component has no use for directories of programs.
const nativePath = "PATH=" + system.DefaultPathEnvUnix

// keepOwnProcess takes out the process and the health check of a base image, which
// are programs of that image, not components.
func (b *build) keepOwnProcess(config *dockerspec.DockerOCIImageConfig) {
	if b.file.Entrypoint == nil {
		config.Entrypoint = nil
	}
	if b.file.Cmd == nil {
		config.Cmd = nil
	}
	if !slices.ContainsFunc(b.file.Instructions, isHealthcheck) {
		config.Healthcheck = nil
	}
}

func isHealthcheck(i wasmfile.Instruction) bool {
	_, ok := i.Command.(*instructions.HealthCheckCommand)
	return ok
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
	spec := assemble.Spec{Form: b.format.form, Compression: b.format.compression, Name: b.format.name}
	config.Config.Labels, spec.Annotations = wasmfile.SplitLabels(config.Config.Labels)
	spec.Config = config
	if converted.Epoch != nil {
		seconds := converted.Epoch.Unix()
		spec.Epoch = &seconds
	}
	return spec
}
