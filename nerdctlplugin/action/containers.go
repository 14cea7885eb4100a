package action

import (
	"context"
	"fmt"
	"io"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/errdefs"
	"github.com/containerd/nerdctl/v2/pkg/api/types"
	"github.com/containerd/nerdctl/v2/pkg/cmd/container"
	"github.com/containerd/nerdctl/v2/pkg/idutil/containerwalker"
)

// findContainer finds a container by its name, or by its ID or the beginning of
// that. It returns an error that matches errdefs.ErrNotFound when there is none.
func findContainer(ctx context.Context, client *containerd.Client, raw string) (containerd.Container, error) {
	var found containerd.Container
	walker := containerwalker.ContainerWalker{
		Client: client,
		OnFound: func(_ context.Context, match containerwalker.Found) error {
			if match.MatchCount > 1 {
				return fmt.Errorf("%s is the beginning of several container IDs: give more of it", raw)
			}
			found = match.Container
			return nil
		},
	}
	if _, err := walker.Walk(ctx, raw); err != nil {
		return nil, fmt.Errorf("look for container %s: %w", raw, err)
	}
	if found == nil {
		return nil, fmt.Errorf("container %s: %w", raw, errdefs.ErrNotFound)
	}
	return found, nil
}

// AreContainers reports whether all of the names are those of containers.
func AreContainers(ctx context.Context, names []string, global types.GlobalCommandOptions) bool {
	client, ctx, done, err := connect(ctx, global)
	if err != nil {
		return false
	}
	defer done()
	for _, name := range names {
		if _, err := findContainer(ctx, client, name); err != nil {
			return false
		}
	}
	return len(names) > 0
}

// ExportContainer writes the files of a container as a tar archive to a file, or
// to out when there is none.
func ExportContainer(ctx context.Context, name, output string, out io.Writer, global types.GlobalCommandOptions) error {
	client, ctx, done, err := connect(ctx, global)
	if err != nil {
		return err
	}
	defer done()
	return toFile(output, out, func(out io.Writer) error {
		return container.Export(ctx, client, name, types.ContainerExportOptions{Stdout: out, GOptions: global})
	})
}

// RenameContainer gives a container another name.
func RenameContainer(ctx context.Context, name, to string, global types.GlobalCommandOptions) error {
	client, ctx, done, err := connect(ctx, global)
	if err != nil {
		return err
	}
	defer done()
	if err := container.Rename(ctx, client, name, to, types.ContainerRenameOptions{GOptions: global}); err != nil {
		return fmt.Errorf("rename %s to %s: %w", name, to, err)
	}
	return nil
}
