package containers

import (
	"context"
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/mount"
	"github.com/cyphar/filepath-securejoin/pathrs-lite"
	"github.com/opencontainers/runtime-spec/specs-go"
)

// makeWorkdir makes the working directory that a container was given, as other
// runtimes do when they start it: in the container's files, or in what is
// mounted where it is to be.
func makeWorkdir(ctx context.Context, client *containerd.Client, c containerd.Container, dir string) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("make the working directory %s: %w", dir, err)
		}
	}()
	spec, err := c.Spec(ctx)
	if err != nil {
		return err
	}
	dir = path.Clean("/" + dir)
	if over, ok := mountOver(spec.Mounts, dir); ok {
		if !isBind(over) || slices.Contains(over.Options, "ro") {
			return nil // empty when the container starts, or not to be changed
		}
		below, err := filepath.Rel(over.Destination, dir)
		if err != nil || below == "." {
			return err
		}
		return pathrs.MkdirAll(over.Source, below, 0o755)
	}
	info, err := c.Info(ctx)
	if err != nil {
		return err
	}
	mounts, err := snapshotMounts(ctx, client, info)
	if err != nil {
		return err
	}
	var made error // not wrapped with where the files were shown
	err = mount.WithTempMount(ctx, mounts, func(root string) error {
		made = pathrs.MkdirAll(root, dir, 0o755)
		return nil
	})
	return errors.Join(made, err)
}

func isBind(m specs.Mount) bool {
	return m.Type == "bind" || slices.Contains(m.Options, "bind") || slices.Contains(m.Options, "rbind")
}

// mountOver is the innermost mount that a directory is in.
func mountOver(mounts []specs.Mount, dir string) (over specs.Mount, ok bool) {
	for _, m := range mounts {
		at := path.Clean("/" + m.Destination)
		if (dir == at || strings.HasPrefix(dir, strings.TrimSuffix(at, "/")+"/")) && len(at) >= len(over.Destination) {
			over, ok = m, true
			over.Destination = at
		}
	}
	return over, ok
}
