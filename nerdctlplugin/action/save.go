package action

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/containerd/containerd/v2/core/images/archive"
	"github.com/containerd/nerdctl/v2/pkg/api/types"
	"golang.org/x/term"

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
	client, ctx, done, err := connect(ctx, o.Global)
	if err != nil {
		return err
	}
	defer done()
	opts := []archive.ExportOpt{archive.WithSkipDockerManifest()}
	for _, reference := range references {
		record, err := localOrAdvice(ctx, client, reference)
		if err != nil {
			return err
		}
		image, err := unpack.Existing(ctx, client, record, unpack.Options{Snapshotter: o.Global.Snapshotter, Platform: o.Platform})
		if err != nil {
			return adviseLocal(err, reference)
		}
		opts = append(opts, archive.WithManifest(image.Artifact.Descriptor, record.Name))
	}
	return toFile(o.File, o.Stdout, func(out io.Writer) error {
		if err := client.Export(ctx, out, opts...); err != nil {
			return fmt.Errorf("write the archive: %w", err)
		}
		return nil
	})
}

// toFile has something written to a file, or to out when there is no name. The
// file gets its name when all is written: until then, and when that fails, an
// older one of that name stays as it is.
func toFile(name string, out io.Writer, write func(io.Writer) error) (err error) {
	if name == "" || name == "-" {
		return write(out)
	}
	if there, err := filepath.EvalSymlinks(name); err == nil {
		name = there
	}
	info, err := os.Stat(name)
	special := err == nil && !info.Mode().IsRegular() // a pipe or a device
	path := name
	if !special {
		path = fmt.Sprintf("%s.%s.tmp", name, rand.Text()[:8])
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o666)
	if err != nil {
		return err
	}
	err = errors.Join(write(file), file.Close())
	if special {
		return err
	}
	if err == nil {
		err = os.Rename(path, name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}
