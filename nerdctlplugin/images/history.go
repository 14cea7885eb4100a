package images

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/containerd/nerdctl/v2/pkg/api/types"
	"github.com/containerd/nerdctl/v2/pkg/formatter"
	"github.com/docker/go-units"

	"github.com/wasmfile/wasmfile/nerdctlplugin/output"
	"github.com/wasmfile/wasmfile/nerdctlplugin/source"
	"github.com/wasmfile/wasmfile/pkg/artifact"
	"github.com/wasmfile/wasmfile/pkg/unpack"
)

// HistoryOptions are those of History.
type HistoryOptions struct {
	// Global are nerdctl's global options.
	Global types.GlobalCommandOptions
	// Platform chooses a manifest of an index.
	Platform string
	// Quiet prints digests only, NoTrunc whole ones.
	Quiet, NoTrunc bool
	// Bytes prints sizes in bytes.
	Bytes bool
	// Format is a Go template for each HistoryEntry, "json" or "table".
	Format string
	// Stdout is where it is written.
	Stdout io.Writer
}

// HistoryEntry is a layer as History lists it.
type HistoryEntry struct {
	// Layer is its digest, or the beginning of that.
	Layer string
	// CreatedAt is empty when the artifact does not say.
	CreatedAt, CreatedSince string
	// CreatedBy is what the layer is, as an instruction.
	CreatedBy string
	Size      string
	SizeBytes int64
	// Comment is the kind of a component and its WASI.
	Comment string
}

// History lists the layers of an artifact, the last one first. A Wasm artifact
// does not record how its files were made, only what they are.
func History(ctx context.Context, reference string, o HistoryOptions) error {
	ctx, src, err := source.Open(ctx, reference, o.Platform, o.Global)
	if err != nil {
		return err
	}
	defer src.Close()
	a := src.Artifact
	var created, since string
	if at := a.Config.Created; at != nil {
		created, since = at.UTC().Format(time.RFC3339), formatter.TimeSinceInHuman(*at)
	}
	var entries []output.Entry
	for i := len(a.Manifest.Layers) - 1; i >= 0; i-- {
		layer := a.Manifest.Layers[i]
		e := HistoryEntry{
			Layer: layer.Digest.String(), CreatedAt: created, CreatedSince: since,
			Size: units.HumanSize(float64(layer.Size)), SizeBytes: layer.Size,
		}
		if !o.NoTrunc {
			e.Layer = layer.Digest.Encoded()[:12]
		}
		if o.Bytes {
			e.Size = fmt.Sprint(layer.Size)
		}
		switch {
		case artifact.IsWasmLayer(layer.MediaType):
			e.CreatedBy = "COMPONENT " + artifact.Name(layer)
			info, err := unpack.Parse(ctx, src.Content, layer)
			if err != nil {
				return fmt.Errorf("%s: %w", src.Name, err)
			}
			e.Comment = string(info.Kind) + ", WASI " + info.WASI.Version()
		case artifact.IsFilesystemLayer(layer.MediaType):
			e.CreatedBy = "files"
		default:
			e.CreatedBy, e.Comment = "COMPONENT --media-type "+artifact.Name(layer), layer.MediaType
		}
		entries = append(entries, output.Entry{ID: e.Layer, Value: e, Fields: []string{e.Layer, e.CreatedSince, e.CreatedBy, e.Size, e.Comment}})
	}
	return output.Listing{
		Out: o.Stdout, Quiet: o.Quiet, Format: o.Format,
		Columns: []string{"LAYER", "CREATED", "CREATED BY", "SIZE", "COMMENT"},
	}.Write(entries)
}
