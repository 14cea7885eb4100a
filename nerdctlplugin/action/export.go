package action

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/containerd/nerdctl/v2/pkg/api/types"

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
	return exportComponent(ctx, src, component, o.Output, o.Stdout)
}

func exportComponent(ctx context.Context, src *source, component, output string, stdout io.Writer) error {
	entry, err := artifact.Select(src.artifact.WasmLayers(), component)
	if err != nil {
		return fmt.Errorf("%s: %w", src.name, err)
	}
	name := artifact.Name(entry.Layer)
	// A single one is started by any name, but who asks for a name wants that.
	if component != "" && component != name && component+".wasm" != name && component != entry.Layer.Digest.String() {
		return fmt.Errorf("%s has the component %s, and no %s", src.name, name, component)
	}
	return toFile(inDirectory(output, name), stdout, func(out io.Writer) error {
		opened, err := unpack.FromStore(src.content).Fetch(ctx, entry.Layer)
		if err != nil {
			return fmt.Errorf("open component %s: %w", name, err)
		}
		defer opened.Close()
		verifier := entry.Layer.Digest.Verifier()
		if _, err := io.Copy(io.MultiWriter(out, verifier), opened); err != nil {
			return fmt.Errorf("write component %s: %w", name, err)
		}
		if !verifier.Verified() {
			return fmt.Errorf("component %s: %w: it is not %s", name, artifact.ErrDigestMismatch, entry.Layer.Digest)
		}
		return nil
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
