package action

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/nerdctl/v2/pkg/api/types"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/wasmfile/wasmfile/pkg/artifact"
	"github.com/wasmfile/wasmfile/pkg/unpack"
)

// ExportOptions are those of Export.
type ExportOptions struct {
	// Global are nerdctl's global options.
	Global types.GlobalCommandOptions
	// Platform chooses a manifest of an index.
	Platform string
	// Output is a file, a directory, or "-" or empty for Stdout.
	Output string
	// Stdout is where it is written to without an output.
	Stdout io.Writer
}

// Export writes one component of an artifact to a file. component may be empty
// when there is only one.
func Export(ctx context.Context, reference, component string, o ExportOptions) error {
	ctx, src, err := openSource(ctx, reference, o.Platform, o.Global)
	if err != nil {
		return err
	}
	defer src.done()
	return src.withComponents(ctx, o.Global.Snapshotter, func(components []ocispec.Descriptor, store content.Provider) error {
		chosen, err := src.componentOf(components, component)
		if err != nil {
			return err
		}
		return toFile(inDirectory(o.Output, artifact.Name(chosen)), o.Stdout, func(out io.Writer) error {
			return writeComponent(ctx, store, chosen, out)
		})
	})
}

// layerOf is the layer of an artifact with a name, which may be empty when there is
// only one.
func layerOf(of string, layers []ocispec.Descriptor, component string) (ocispec.Descriptor, error) {
	entry, err := artifact.Select(layers, component)
	if err != nil {
		return ocispec.Descriptor{}, fmt.Errorf("%s: %w", of, err)
	}
	name := artifact.Name(entry.Layer)
	// A single one is started by any name, but who asks for a name wants that.
	if component != "" && component != name && component+".wasm" != name && component != entry.Layer.Digest.String() {
		return ocispec.Descriptor{}, fmt.Errorf("%s has the component %s, and no %s", of, name, component)
	}
	return entry.Layer, nil
}

// writeComponent writes a component, and returns an error when that was not it.
func writeComponent(ctx context.Context, store content.Provider, layer ocispec.Descriptor, out io.Writer) error {
	name := artifact.Name(layer)
	opened, err := unpack.FromStore(store).Fetch(ctx, layer)
	if err != nil {
		return fmt.Errorf("open component %s: %w", name, err)
	}
	defer opened.Close()
	verifier := layer.Digest.Verifier()
	if _, err := io.Copy(io.MultiWriter(out, verifier), opened); err != nil {
		return fmt.Errorf("write component %s: %w", name, err)
	}
	if !verifier.Verified() {
		return fmt.Errorf("component %s: %w: it is not %s", name, artifact.ErrDigestMismatch, layer.Digest)
	}
	return nil
}

// inDirectory is where a file of that name is written: in to, if that is a
// directory.
func inDirectory(to, name string) string {
	if info, err := os.Stat(to); err == nil && info.IsDir() {
		return filepath.Join(to, filepath.Base(name))
	}
	return to
}
