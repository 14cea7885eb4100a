package gateway

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/distribution/reference"
	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"golang.org/x/sync/errgroup"

	"github.com/wasmfile/wasmfile/frontend/origin"
	"github.com/wasmfile/wasmfile/frontend/wasmfile"
	"github.com/wasmfile/wasmfile/pkg/artifact"
)

// originContext begins the names of the contexts that hold files of artifacts.
// No stage, and no image that exists, has such a name.
const originContext = "component.invalid/"

// readOrigins finds out which of the components come from an artifact, and has
// them copied from a context with its files.
func (b *build) readOrigins(ctx context.Context, components []wasmfile.Component) error {
	names := make(map[string]*origin.Origin)
	group, groupCtx := errgroup.WithContext(ctx)
	var found []func()
	for _, c := range components {
		if _, known := names[c.From()]; known || c.From() == "" {
			continue
		}
		names[c.From()] = nil
		var o *origin.Origin
		group.Go(func() (err error) {
			if o, err = b.origin(groupCtx, c.From(), c.Location); err != nil {
				return parser.WithLocation(err, c.Location)
			}
			return nil
		})
		found = append(found, func() { names[c.From()] = o })
	}
	if err := group.Wait(); err != nil {
		return err
	}
	for _, set := range found {
		set()
	}
	for i, c := range components {
		o := names[c.From()]
		if o == nil {
			continue
		}
		state, files, err := o.Select(origin.Selection{
			Patterns: c.Sources(),
			Dynamic:  slices.ContainsFunc(c.Sources(), wasmfile.IsDynamic),
			Optional: c.Optional(),
			Others:   c.MediaType() != "" && !artifact.IsWasmLayer(c.MediaType()),
		}, llb.Platform(b.ui.BuildPlatforms[0]))
		if err != nil {
			return parser.WithLocation(err, c.Location)
		}
		name := fmt.Sprintf("%s%d", originContext, i+1)
		b.client.add(name, state)
		c.CopyFrom(name, files)
	}
	return nil
}

// origin is the artifact that the --from of these lines names, nil when it names
// something that BuildKit can copy from.
func (b *build) origin(ctx context.Context, from string, location []parser.Range) (*origin.Origin, error) {
	finder := origin.Finder{
		Client: b.client, Platform: b.ui.BuildPlatforms[0], ResolveMode: b.ui.ImageResolveMode.String(),
		Location: b.source.Location(toPB(location)),
	}
	value := b.namedContext(from)
	image, isStage := b.file.Stage(from)
	if value == "" && isStage {
		if image == "" {
			return nil, nil
		}
		from, value = image, b.namedContext(image)
	}
	const dockerImage = "docker-image://"
	switch {
	case value == "" && strings.EqualFold(from, "scratch"), value == "" && strings.EqualFold(from, "context"):
		return nil, nil
	case value == "":
		return b.registryOrigin(ctx, finder, from, from)
	case origin.IsLayout(value):
		return finder.Layout(ctx, from, value)
	case strings.HasPrefix(value, dockerImage):
		return b.registryOrigin(ctx, finder, from, strings.TrimPrefix(value, dockerImage))
	}
	return b.resultOrigin(ctx, from, value)
}

// explainCopy puts an error that may come from copying from an artifact at the COPY or RUN
// that does. BuildKit does not say which artifact it takes for an image, but of a file that is
// not in one it has the line.
func (b *build) explainCopy(ctx context.Context, err error) error {
	if err == nil || b.file == nil {
		return err
	}
	anywhere, failed := origin.IsNoImage(err), stepRanges(err)
	for _, c := range b.file.Copies {
		hasFailed := func(r parser.Range) bool { return r.Start.Line == c.Location[0].Start.Line }
		if !anywhere && !slices.ContainsFunc(failed, hasFailed) {
			continue
		}
		if o, unknown := b.origin(ctx, c.From, c.Location); unknown == nil && o != nil && o.IsArtifact() {
			return parser.WithLocation(fmt.Errorf("%s is a Wasm artifact, from which a stage can take no files: take its components with COMPONENT --from=%s", c.From, c.From), c.Location)
		}
	}
	return err
}

// resultOrigin is the artifact that another build has made, if that is what the value
// of a named context stands for.
func (b *build) resultOrigin(ctx context.Context, name, value string) (*origin.Origin, error) {
	id, isInput := strings.CutPrefix(value, inputPrefix)
	if !isInput {
		return nil, nil
	}
	inputs, err := b.client.Inputs(ctx)
	if err != nil {
		return nil, err
	}
	input, ok := inputs[id]
	if !ok {
		return nil, nil
	}
	finder := origin.Finder{Client: b.client, Platform: b.ui.BuildPlatforms[0]}
	return finder.Build(ctx, name, input)
}

// registryOrigin is the artifact of a reference, whose repository is then known
// to have its layers.
func (b *build) registryOrigin(ctx context.Context, finder origin.Finder, from, ref string) (*origin.Origin, error) {
	found, err := finder.Registry(ctx, from, ref)
	if found != nil {
		b.origins.add(ref)
	}
	return found, err
}

// origins are the repositories of artifacts from which components come. A
// registry that gets the artifact can mount them from there.
type origins struct {
	mu           sync.Mutex
	repositories []string
}

// add adds the repository of a reference, if it is one.
func (o *origins) add(ref string) {
	named, err := reference.ParseNormalizedNamed(ref)
	if err != nil {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if name := named.Name(); !slices.Contains(o.repositories, name) {
		o.repositories = append(o.repositories, name)
	}
}

// list is in an order of its own, whichever was found first.
func (o *origins) list() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Sorted(slices.Values(o.repositories))
}
