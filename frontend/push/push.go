package push

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2"
	"oras.land/oras-go/v2/content/memory"
	"oras.land/oras-go/v2/content/oci"

	"github.com/wasmfile/wasmfile/pkg/artifact"
)

// Dirs are the places that the step works on. The zero value is those of the
// step's container.
type Dirs struct {
	Layout, Attestations, Spec, Output string
	Config, CA                         string // files
}

func (d Dirs) withDefaults() Dirs {
	return Dirs{
		Layout:       cmp.Or(d.Layout, LayoutDir),
		Attestations: cmp.Or(d.Attestations, AttestationDir),
		Spec:         cmp.Or(d.Spec, SpecDir),
		Output:       cmp.Or(d.Output, OutputDir),
		Config:       cmp.Or(d.Config, ConfigFile),
		CA:           cmp.Or(d.CA, CAFile),
	}
}

// Run does the step: it pushes the artifact and its attestations to every
// target, and says to log what went where. What the user can change is in the
// Result that it writes; an error is a failure of the step itself.
func Run(ctx context.Context, dirs Dirs, log io.Writer) error {
	dirs = dirs.withDefaults()
	spec, err := readSpec(filepath.Join(dirs.Spec, SpecFile))
	if err != nil {
		return err
	}
	p := &pusher{spec: spec, log: log}
	err = p.run(ctx, dirs)
	result := Result{References: p.pushed, Unknown: p.unknown}
	var wrong *problem
	if errors.As(err, &wrong) {
		result.Problem = wrong.message
	} else if err != nil {
		return err
	}
	encoded, err := json.Marshal(result)
	if err != nil {
		return fmt.Errorf("encode the result of the push: %w", err)
	}
	return os.WriteFile(filepath.Join(dirs.Output, ResultFile), encoded, 0o644)
}

type pusher struct {
	spec   Spec
	client *client
	source *oci.ReadOnlyStore
	// referrers are the manifests of the attestations.
	referrers    []ocispec.Descriptor
	attestations *memory.Store
	pushed       []string
	// unknown are the targets whose registry buildkitd has to be asked about.
	unknown []Target

	mu  sync.Mutex
	log io.Writer
}

func (p *pusher) run(ctx context.Context, dirs Dirs) error {
	logins, err := readLogins(dirs.Config)
	if err != nil {
		return err
	}
	trust, err := readTLS(dirs.CA)
	if err != nil {
		return err
	}
	p.client = newClient(logins, trust)
	if p.source, err = oci.NewFromFS(ctx, os.DirFS(dirs.Layout)); err != nil {
		return fmt.Errorf("read the layout: %w", err)
	}
	if p.referrers, p.attestations, err = readReferrers(ctx, dirs.Attestations, p.spec.Manifest); err != nil {
		return err
	}
	// All registries are asked first, so that nothing is pushed to one when
	// another is not there.
	destinations := make([]*destination, len(p.spec.Targets))
	for i, t := range p.spec.Targets {
		destinations[i], err = p.client.repository(ctx, t, p.spec.Registries[t.Registry])
		if errors.Is(err, errUnknown) {
			p.unknown = append(p.unknown, t)
		} else if err != nil {
			return err
		}
	}
	if len(p.unknown) > 0 {
		return nil
	}
	for i, t := range p.spec.Targets {
		if err := p.push(ctx, t, destinations[i]); err != nil {
			return p.client.explain(ctx, t, err)
		}
		p.pushed = append(p.pushed, fmt.Sprintf("%s@%s", t, p.spec.Manifest.Digest))
	}
	return nil
}

// push copies what a repository does not have, and names it.
func (p *pusher) push(ctx context.Context, t Target, to *destination) error {
	options := oras.DefaultCopyOptions
	options.CopyGraphOptions = p.copyOptions(t)
	if _, err := oras.Copy(ctx, p.source, p.spec.Manifest.Digest.String(), to, t.Tag, options); err != nil {
		return err
	}
	for _, referrer := range p.referrers {
		if err := oras.CopyGraph(ctx, p.attestations, to, referrer, options.CopyGraphOptions); err != nil {
			return fmt.Errorf("push an attestation: %w", err)
		}
	}
	if err := p.list(ctx, to); err != nil {
		return err
	}
	_, err := fmt.Fprintf(p.log, "pushed %s@%s\n", t, p.spec.Manifest.Digest)
	return err
}

// maxListings is how often a list of referrers is written that others write, too.
const maxListings = 5

// list makes sure that the attestations are found from their subject. A registry
// without the referrers API has an index of them, and who else writes that index at the
// same time may have read it before, so it is read again. A manifest that is not in it
// is pushed anew, with which oras-go writes the index.
func (p *pusher) list(ctx context.Context, to *destination) error {
	if len(p.referrers) == 0 {
		return nil
	}
	for range maxListings {
		listed, err := to.Predecessors(ctx, p.spec.Manifest)
		if err != nil { // All is pushed, and nothing is known to be missing.
			_, err = fmt.Fprintf(p.log, "the attestations are pushed, but the registry does not list them: %v\n", err)
			return err
		}
		missing := slices.DeleteFunc(slices.Clone(p.referrers), func(referrer ocispec.Descriptor) bool {
			return slices.ContainsFunc(listed, func(d ocispec.Descriptor) bool { return d.Digest == referrer.Digest })
		})
		if len(missing) == 0 {
			return nil
		}
		for _, referrer := range missing {
			if err := p.pushAgain(ctx, referrer, to); err != nil {
				return fmt.Errorf("list an attestation: %w", err)
			}
		}
	}
	return nil
}

func (p *pusher) pushAgain(ctx context.Context, referrer ocispec.Descriptor, to *destination) error {
	manifest, err := p.attestations.Fetch(ctx, referrer)
	if err != nil {
		return err
	}
	defer manifest.Close()
	return to.Push(ctx, referrer, manifest)
}

func (p *pusher) copyOptions(t Target) oras.CopyGraphOptions {
	say := func(what string) func(context.Context, ocispec.Descriptor) error {
		return func(_ context.Context, desc ocispec.Descriptor) error {
			return p.say(what, desc)
		}
	}
	options := oras.DefaultCopyGraphOptions
	options.PostCopy, options.OnMounted, options.OnCopySkipped = say("uploaded"), say("mounted"), say("was there")
	options.MountFrom = func(_ context.Context, desc ocispec.Descriptor) ([]string, error) {
		return p.mountable(t, desc), nil
	}
	return options
}

// mountable are the repositories of the target's registry that have a blob, or
// may: targets that are done, and where components come from.
func (p *pusher) mountable(t Target, desc ocispec.Descriptor) []string {
	var from []string
	add := func(registry, repository string) {
		if registry == t.Registry && repository != t.Repository && !slices.Contains(from, repository) {
			from = append(from, repository)
		}
	}
	for _, done := range p.spec.Targets[:len(p.pushed)] {
		add(done.Registry, done.Repository)
	}
	if !artifact.IsWasmLayer(desc.MediaType) {
		return from
	}
	for _, origin := range p.spec.Origins {
		registry, repository, _ := strings.Cut(origin, "/")
		add(registry, repository)
	}
	return from
}

// say writes a line about a blob.
func (p *pusher) say(what string, desc ocispec.Descriptor) error {
	name := desc.Annotations[ocispec.AnnotationTitle]
	if name == "" {
		name = desc.Annotations[artifact.AnnotationPredicateType]
	}
	if name == "" {
		name = desc.MediaType
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	_, err := fmt.Fprintf(p.log, "%-9s %s %d %s\n", what, desc.Digest, desc.Size, name)
	return err
}
