package images

import (
	"context"
	"io"
	"os"
	"path/filepath"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/nerdctl/v2/pkg/api/types"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/wasmfile/wasmfile/nerdctlplugin/output"
	"github.com/wasmfile/wasmfile/nerdctlplugin/source"
	"github.com/wasmfile/wasmfile/pkg/artifact"
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
	ctx, src, err := source.Open(ctx, reference, o.Platform, o.Global)
	if err != nil {
		return err
	}
	defer src.Close()
	return src.WithComponents(ctx, o.Global.Snapshotter, func(components []ocispec.Descriptor, store content.Provider) error {
		chosen, err := src.ComponentOf(components, component)
		if err != nil {
			return err
		}
		return output.ToFile(inDirectory(o.Output, artifact.Name(chosen)), o.Stdout, func(out io.Writer) error {
			return source.WriteComponent(ctx, store, chosen, out)
		})
	})
}

// inDirectory is where a file of that name is written: in to, if that is a
// directory.
func inDirectory(to, name string) string {
	if info, err := os.Stat(to); err == nil && info.IsDir() {
		return filepath.Join(to, filepath.Base(name))
	}
	return to
}
