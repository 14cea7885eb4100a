package images

import (
	"context"
	"fmt"
	"io"

	"github.com/containerd/nerdctl/v2/pkg/api/types"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/wasmfile/wasmfile/nerdctlplugin/output"
	"github.com/wasmfile/wasmfile/nerdctlplugin/source"
	"github.com/wasmfile/wasmfile/pkg/artifact"
)

// DiffOptions are those of Diff.
type DiffOptions struct {
	// Global are nerdctl's global options.
	Global types.GlobalCommandOptions
	// Platform chooses a manifest of an index.
	Platform string
	// All lists what is the same, too.
	All bool
	// Format is a Go template for each DiffEntry, "json" or "table".
	Format string
	// Stdout is where it is written.
	Stdout io.Writer
}

// What happened to a layer.
const (
	DiffAdded   = "added"
	DiffRemoved = "removed"
	DiffChanged = "changed"
	DiffRenamed = "renamed"
	DiffSame    = "same"
)

// DiffEntry is a layer, or the config, of two artifacts.
type DiffEntry struct {
	Change string
	// Name is a component's; "(files)" for a filesystem layer, "(config)" for
	// the config.
	Name string
	// From and To are the digests, empty where there is none.
	From, To string
	// Bytes is by how much the size changed.
	Bytes int64
}

// Diff lists what is not the same in two artifacts.
func Diff(ctx context.Context, from, to string, o DiffOptions) error {
	read := func(reference string) (*artifact.Artifact, error) {
		_, src, err := source.Open(ctx, reference, o.Platform, o.Global)
		if err != nil {
			return nil, err
		}
		src.Close()
		return src.Artifact, nil
	}
	a, err := read(from)
	if err != nil {
		return err
	}
	b, err := read(to)
	if err != nil {
		return err
	}
	var entries []output.Entry
	for _, d := range diff(a, b) {
		if d.Change != DiffSame || o.All {
			entries = append(entries, output.Entry{Value: d, Fields: []string{d.Change, d.Name, fmt.Sprintf("%+d", d.Bytes), short(d.From), short(d.To)}})
		}
	}
	return output.Listing{Out: o.Stdout, Format: o.Format, Columns: []string{"CHANGE", "NAME", "BYTES", "FROM", "TO"}}.Write(entries)
}

func short(digest string) string {
	if len(digest) < 19 {
		return "-"
	}
	return digest[:19]
}

// diff compares layers by name: first what a has, in its order, then what only
// b has.
func diff(a, b *artifact.Artifact) []DiffEntry {
	before, after := named(a), named(b)
	var entries []DiffEntry
	for _, old := range before {
		e := DiffEntry{Change: DiffRemoved, Name: old.name, From: old.Digest.String(), Bytes: -old.Size}
		if i := indexOf(after, func(l namedLayer) bool { return l.name == old.name }); i >= 0 {
			e.Change, e.To, e.Bytes = DiffChanged, after[i].Digest.String(), after[i].Size-old.Size
			if e.From == e.To {
				e.Change = DiffSame
			}
		} else if i := indexOf(after, func(l namedLayer) bool {
			return l.Digest == old.Digest && indexOf(before, func(o namedLayer) bool { return o.name == l.name }) < 0
		}); i >= 0 {
			e = DiffEntry{Change: DiffRenamed, Name: old.name + " -> " + after[i].name, From: e.From, To: e.From}
			after[i].taken = true
		}
		entries = append(entries, e)
	}
	for _, fresh := range after {
		if !fresh.taken && indexOf(before, func(l namedLayer) bool { return l.name == fresh.name }) < 0 {
			entries = append(entries, DiffEntry{Change: DiffAdded, Name: fresh.name, To: fresh.Digest.String(), Bytes: fresh.Size})
		}
	}
	return entries
}

// namedLayer is a layer or config with a name that is unique in its artifact.
type namedLayer struct {
	ocispec.Descriptor
	name  string
	taken bool
}

func named(a *artifact.Artifact) []namedLayer {
	layers := []namedLayer{{Descriptor: a.Manifest.Config, name: "(config)"}}
	files := 0
	for _, layer := range a.Manifest.Layers {
		name := artifact.Name(layer)
		if artifact.IsFilesystemLayer(layer.MediaType) {
			files++
			name = "(files)"
			if files > 1 {
				name = fmt.Sprintf("(files %d)", files)
			}
		}
		layers = append(layers, namedLayer{Descriptor: layer, name: name})
	}
	return layers
}

func indexOf(layers []namedLayer, matches func(namedLayer) bool) int {
	for i, layer := range layers {
		if !layer.taken && matches(layer) {
			return i
		}
	}
	return -1
}
