package gateway

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/frontend/dockerfile/dockerfile2llb"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/solver/errdefs"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"

	"github.com/wasmfile/wasmfile/frontend/assemble"
	"github.com/wasmfile/wasmfile/frontend/wasmfile"
	"github.com/wasmfile/wasmfile/pkg/artifact"
)

// components are what COMPONENTs bring, for the assembly.
type components struct {
	mounts []llb.RunOption
	// specs say what is mounted, by ordinal.
	specs []assemble.ComponentSpec
	// mounted has the COMPONENT of each source.
	mounted map[string]wasmfile.Component
}

// components mounts the files of COMPONENTs as they are in their sources, and
// has those copied that only a copy can choose: by wildcards, for example.
func (b *build) components(ctx context.Context, opt dockerfile2llb.ConvertOpt) (*components, error) {
	converted, err := b.convert(ctx, wasmfile.Components, opt)
	if err != nil {
		return nil, err
	}
	host := llb.Platform(b.ui.BuildPlatforms[0])
	all, err := readCopies(ctx, converted.State, len(b.file.Components), llb.WithCaps(b.client.BuildOpts().LLBCaps), host)
	if err != nil {
		return nil, err
	}
	found := &components{mounted: make(map[string]wasmfile.Component)}
	for i, c := range b.file.Components {
		spec := assemble.ComponentSpec{MediaType: c.MediaType(), Optional: c.Optional(), Exclude: c.Exclude()}
		if name, ok := wasmfile.NameAt(all[i].actions[0].Dest, i+1); ok && all[i].areMounts() && found.isNew(all[i], c.From()) {
			spec.Name = name
			for _, a := range all[i].actions {
				spec.Mounted = append(spec.Mounted, a.Src)
				found.mounted[a.Src] = c
				found.mounts = append(found.mounts, llb.AddMount(assemble.MountPoint(i+1, len(spec.Mounted)-1, a.Src), a.source, llb.SourcePath(a.Src), llb.Readonly))
			}
		} else {
			dir := path.Join("/", wasmfile.Dir, wasmfile.OrdinalDir(i+1))
			found.mounts = append(found.mounts, llb.AddMount(path.Join(assemble.ComponentsDir, wasmfile.OrdinalDir(i+1)), all[i].state(dir, c.Optional(), host), llb.SourcePath(dir), llb.Readonly))
		}
		found.specs = append(found.specs, spec)
	}
	return found, nil
}

// isNew reports whether no other source is mounted that has the same path
// elsewhere: BuildKit's error says no more than the path of one that is missing.
func (c *components) isNew(copies copies, from string) bool {
	return !slices.ContainsFunc(copies.actions, func(a copyAction) bool {
		other, taken := c.mounted[a.Src]
		return taken && other.From() != from
	})
}

// saysLinkLoop is what BuildKit says of symbolic links that lead to each other, without
// saying which.
const saysLinkLoop = "too many links"

// locate puts the error of the assembly at the COMPONENT whose source is
// missing, if that is what it says. One that has lines is of another step.
func (c *components) locate(err error) error {
	if len(errdefs.Sources(err)) > 0 {
		return err
	}
	if strings.HasSuffix(err.Error(), saysLinkLoop) {
		return c.linkLoop(err)
	}
	source, missing := wasmfile.MissingSource(err.Error())
	if at, known := c.mounted[path.Join("/", source)]; missing && known {
		return parser.WithLocation(err, at.Location)
	}
	return err
}

func (c *components) linkLoop(err error) error {
	sources := slices.Sorted(maps.Keys(c.mounted))
	err = wasmfile.WithMessage(err, "symbolic links lead to each other: one of them is "+wasmfile.Enumerate(sources))
	if len(sources) == 1 {
		return parser.WithLocation(err, c.mounted[sources[0]].Location)
	}
	return err
}

// maxStepNames is of how many components the name of a step tells.
const maxStepNames = 3

// steps names the steps that need no copy.
func (c *components) steps(of []wasmfile.Component) string {
	var names []string
	for i, spec := range c.specs {
		if len(spec.Mounted) > 0 {
			names = append(names, of[i].StepName())
		}
	}
	if more := len(names) - maxStepNames; more > 0 {
		names = append(names[:maxStepNames], fmt.Sprintf("%d more components", more))
	}
	return strings.Join(names, ", ")
}

// checkBase refuses an artifact as a base, be it another build's result: its
// components would be lost.
func (b *build) checkBase(ctx context.Context, image *dockerspec.DockerOCIImage) error {
	isArtifact := image != nil && image.Config.Labels[artifact.AnnotationLayers] != ""
	if name := b.file.BaseName(); !isArtifact && name != "" {
		result, err := b.resultOrigin(ctx, name, b.namedContext(name))
		if err != nil {
			return parser.WithLocation(err, b.file.Base)
		}
		isArtifact = result != nil
	}
	if !isArtifact {
		return nil
	}
	return parser.WithLocation(errors.New("this is a Wasm artifact, whose components a stage does not take over: write FROM scratch, and COMPONENT --from=<artifact> for those that you need"), b.file.Base)
}
