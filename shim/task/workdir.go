package task

import (
	"context"
	"errors"
	"fmt"
	"path"

	taskapi "github.com/containerd/containerd/api/runtime/task/v3"
	pathrs "github.com/cyphar/filepath-securejoin/pathrs-lite"
	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/wasmfile/wasmfile/shim/bundle"
)

// workdir is a working directory that is made where it is missing.
type workdir struct {
	// path is the guest's, empty for none to make.
	path string
	// rootfs is where the container's files are on the host when they are read-only in
	// the container, else empty.
	rootfs string
}

// workdirOf is that of a container: none for the root, and none in a user namespace, where
// what the shim made would not belong to the container's root.
func workdirOf(r *taskapi.CreateTaskRequest, spec *specs.Spec) (w workdir) {
	dir := path.Clean("/" + spec.Process.Cwd)
	if dir == "/" || len(spec.Linux.UIDMappings) > 0 {
		return w
	}
	w.path = dir
	if spec.Root.Readonly {
		w.rootfs = rootfsOf(r, spec).path
	}
	return w
}

// makeWorkdir makes the working directory of a created container, in its files or in what
// is mounted there, as runc does for a native one: runc sees that of the engine only. In
// what is read-only on the host too, it stays missing.
func (s *Service) makeWorkdir(ctx context.Context, id string, w workdir) error {
	if w.path == "" {
		return nil
	}
	pid, pidfd, err := s.openInit(ctx, id)
	if err != nil {
		return err
	}
	defer unix.Close(pidfd)
	err = pathrs.MkdirAll(fmt.Sprintf("/proc/%d/root%s", pid, bundle.GuestDir), w.path, 0o755)
	if errors.Is(err, unix.EROFS) && w.rootfs != "" {
		err = pathrs.MkdirAll(w.rootfs, w.path, 0o755)
	}
	if err != nil && !errors.Is(err, unix.EROFS) {
		return fmt.Errorf("make the working directory %s: %w", w.path, err)
	}
	return nil
}
