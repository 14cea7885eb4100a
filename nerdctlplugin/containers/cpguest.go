package containers

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/mount"
	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/wasmfile/wasmfile/nerdctlplugin/filecopy"
)

// guestDir is where the files of a guest that runs are in its container, beside
// the engine; docs/shim.md says so.
const guestDir = "/guest"

// withGuestFiles shows the files of a guest of this project's shim, with the path in
// them. It returns ErrForNerdctl for another container.
func withGuestFiles(ctx context.Context, client *containerd.Client, c containerd.Container, file string, write bool, do func(*filecopy.Tree, string) error) error {
	g, err := guestOf(ctx, client, c)
	if err != nil {
		return err
	}
	if g == nil || !g.ours {
		return ErrForNerdctl
	}
	var copied error // not wrapped with where the files were shown
	show := func(dir, below string) error {
		tree, err := filecopy.OpenTree(dir)
		if err != nil {
			return err
		}
		copied = do(tree, below)
		return tree.Close()
	}
	if pid := livePID(ctx, c); pid != 0 {
		err = show(fmt.Sprintf("/proc/%d/root%s", pid, guestDir), file)
	} else {
		err = g.withStoredFiles(ctx, client, c, file, write, show)
	}
	if copied != nil {
		copied = fmt.Errorf("in container %s: %w", c.ID()[:min(len(c.ID()), 12)], copied)
	}
	return errors.Join(copied, err)
}

// livePID is the process of a container that runs or is paused, else 0.
func livePID(ctx context.Context, c containerd.Container) uint32 {
	task, err := c.Task(ctx, nil)
	if err != nil {
		return 0
	}
	status, err := task.Status(ctx)
	if err != nil || status.Status != containerd.Running && status.Status != containerd.Paused {
		return 0
	}
	return task.Pid()
}

// withStoredFiles shows the files of a guest that does not run: those of its snapshot,
// or of the volume that the path is in.
func (g *guest) withStoredFiles(ctx context.Context, client *containerd.Client, c containerd.Container, file string, write bool, show func(dir, below string) error) error {
	readOnly := fmt.Errorf("%s is read-only in container %s", file, c.ID())
	if over, ok := mountOver(g.spec.Mounts, path.Clean("/"+file)); ok && isBind(over) {
		if write && slices.Contains(over.Options, "ro") {
			return readOnly
		}
		below := strings.TrimPrefix(path.Clean("/"+file), over.Destination) + pathEnd(file)
		if info, err := os.Stat(over.Source); err == nil && !info.IsDir() {
			return show(filepath.Dir(over.Source), filepath.Base(over.Source)+below)
		}
		return show(over.Source, below)
	}
	if write && g.spec.Root != nil && g.spec.Root.Readonly {
		return readOnly
	}
	record, err := c.Info(ctx)
	if err != nil {
		return fmt.Errorf("container %s: %w", c.ID(), err)
	}
	mounts, err := snapshotMounts(ctx, client, record)
	if err != nil {
		return err
	}
	mounted := mount.WithReadonlyTempMount
	if write {
		mounted = mount.WithTempMount
	}
	return mounted(ctx, mounts, func(root string) error { return show(root, file) })
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
