package containers

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/containerd/nerdctl/v2/pkg/api/types"
	"github.com/containerd/nerdctl/v2/pkg/cmd/container"

	"github.com/wasmfile/wasmfile/nerdctlplugin/advice"
	"github.com/wasmfile/wasmfile/nerdctlplugin/daemon"
	"github.com/wasmfile/wasmfile/nerdctlplugin/output"
)

// ErrForNerdctl is returned for a container that is nerdctl's to deal with, for example
// because it runs no Wasm.
var ErrForNerdctl = errors.New("this is about a container of nerdctl's")

// Exist reports whether all of the names are those of containers.
func Exist(ctx context.Context, names []string, global types.GlobalCommandOptions) bool {
	client, ctx, done, err := daemon.Connect(ctx, global)
	if err != nil {
		return false
	}
	defer done()
	for _, name := range names {
		if _, err := daemon.FindContainer(ctx, client, name); err != nil {
			return false
		}
	}
	return len(names) > 0
}

// Export writes the files of a container as a tar archive to a file, or
// to out when there is none.
func Export(ctx context.Context, name, file string, out io.Writer, global types.GlobalCommandOptions) error {
	client, ctx, done, err := daemon.Connect(ctx, global)
	if err != nil {
		return err
	}
	defer done()
	return output.ToFile(file, out, func(out io.Writer) error {
		return container.Export(ctx, client, name, types.ContainerExportOptions{Stdout: out, GOptions: global})
	})
}

// Rename gives a container another name.
func Rename(ctx context.Context, name, to string, global types.GlobalCommandOptions) error {
	client, ctx, done, err := daemon.Connect(ctx, global)
	if err != nil {
		return err
	}
	defer done()
	if err := freeName(ctx, client, to, global); err != nil {
		return fmt.Errorf("name %s: %w", to, err)
	}
	if err := container.Rename(ctx, client, name, to, types.ContainerRenameOptions{GOptions: global}); err != nil {
		return fmt.Errorf("rename %s to %s: %w", name, to, advice.OneLine(err))
	}
	return nil
}
