package task

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/containerd/containerd/api/types"
	"github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2/process"
	"github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2/runc"
	"github.com/containerd/containerd/v2/core/mount"
	"github.com/containerd/containerd/v2/pkg/namespaces"
	"github.com/containerd/containerd/v2/pkg/shim"
	"github.com/containerd/log"

	"github.com/wasmfile/wasmfile/pkg/version"
	"github.com/wasmfile/wasmfile/shim/bundle"
	"github.com/wasmfile/wasmfile/shim/lifecycle"
)

// manager is runc's, which starts shims, groups a pod's containers in one and
// cleans up after them, with our name and a shorter way to find that there is
// nothing to clean up.
type manager struct {
	shim.Shim
}

// Stop cleans up after a container. containerd asks for it after every one,
// and mostly the container was deleted properly: then runc knows nothing of
// it, and starting runc to hear so would be a good part of a container's cost.
func (m manager) Stop(ctx context.Context, id string) (shim.StopStatus, error) {
	status, ok, err := deleted(ctx, id)
	if err == nil && ok {
		return status, nil
	}
	if status, err = m.Shim.Stop(ctx, id); err != nil {
		return status, err
	}
	if err := removeUnknown(id); err != nil {
		log.G(ctx).WithError(err).WithField("container", id).Warn("cannot remove what runc left")
	}
	return status, nil
}

// removeUnknown removes the cgroups of a container that runc was about to
// create when it was killed.
func removeUnknown(id string) error {
	cwd, err := os.Getwd()
	if err != nil {
		return err
	}
	spec, err := bundle.Read(filepath.Join(filepath.Dir(cwd), id))
	if errors.Is(err, bundle.ErrInvalid) || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return lifecycle.RemoveCgroups(spec.Linux.CgroupsPath)
}

// deleted reports whether runc has no container of this ID any more, and how
// that one ended.
func deleted(ctx context.Context, id string) (status shim.StopStatus, ok bool, err error) {
	cwd, err := os.Getwd()
	if err != nil {
		return status, false, err
	}
	ns, err := namespaces.NamespaceRequired(ctx)
	if err != nil {
		return status, false, err
	}
	dir := filepath.Join(filepath.Dir(cwd), id)
	options, err := runc.ReadOptions(dir)
	if err != nil {
		return status, false, err
	}
	root := process.RuncRoot
	if options != nil && options.Root != "" {
		root = options.Root
	}
	if _, err := os.Lstat(filepath.Join(root, ns, id)); !errors.Is(err, fs.ErrNotExist) {
		return status, false, err
	}
	exit, err := runc.ReadExitStatus(dir)
	if err != nil {
		return status, false, err
	}
	if err := mount.UnmountRecursive(filepath.Join(dir, "rootfs"), 0); err != nil {
		return status, false, err
	}
	return shim.StopStatus{Pid: exit.Pid, ExitStatus: exit.Status, ExitedAt: exit.Timestamp}, true, nil
}

// Info describes the runtime: runc's features and options, our version.
func (m manager) Info(ctx context.Context, options io.Reader) (*types.RuntimeInfo, error) {
	info, err := m.Shim.Info(ctx, options)
	if err != nil {
		return nil, err
	}
	info.Version = &types.RuntimeVersion{Version: version.Version, Revision: version.Commit}
	return info, nil
}
