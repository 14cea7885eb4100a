package transfer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/containerd/containerd/v2/core/images/archive"
	"github.com/containerd/nerdctl/v2/pkg/api/types"
	"golang.org/x/term"

	"github.com/wasmfile/wasmfile/nerdctlplugin/daemon"
	"github.com/wasmfile/wasmfile/nerdctlplugin/output"
	"github.com/wasmfile/wasmfile/pkg/artifact"
	"github.com/wasmfile/wasmfile/pkg/unpack"
)

// SaveOptions are those of Save.
type SaveOptions struct {
	// Global are nerdctl's global options.
	Global types.GlobalCommandOptions
	// Platform chooses a manifest of an index.
	Platform string
	// File is where the archive is written, empty for Stdout.
	File string
	// Stdout is the process's own.
	Stdout *os.File
}

// Save writes artifacts that are in containerd into one archive, an OCI image
// layout as a tar file. Manifests keep their digests.
func Save(ctx context.Context, references []string, o SaveOptions) (err error) {
	if o.File == "" && term.IsTerminal(int(o.Stdout.Fd())) {
		return errors.New("an archive is not for a terminal: write it to a file with -o FILE, or redirect the output")
	}
	client, ctx, done, err := daemon.Connect(ctx, o.Global)
	if err != nil {
		return err
	}
	defer done()
	opts := []archive.ExportOpt{archive.WithSkipDockerManifest()}
	for _, reference := range references {
		record, err := daemon.PulledImage(ctx, client, reference)
		if err != nil {
			return err
		}
		image, err := unpack.Existing(ctx, client, record, unpack.Options{Snapshotter: o.Global.Snapshotter, Platform: o.Platform})
		if err == nil && len(image.Missing) > 0 {
			err = fmt.Errorf("%s: %w: %s is missing", record.Name, unpack.ErrIncomplete, artifact.Name(image.Missing[0]))
		}
		if err != nil {
			return daemon.AdviseImage(err, reference)
		}
		opts = append(opts, archive.WithManifest(image.Artifact.Descriptor, record.Name))
	}
	return output.ToFile(o.File, o.Stdout, func(out io.Writer) error {
		if err := client.Export(ctx, out, opts...); err != nil {
			return fmt.Errorf("write the archive: %w", err)
		}
		return nil
	})
}
