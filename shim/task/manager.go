package task

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/containerd/containerd/api/types"
	"github.com/containerd/containerd/v2/pkg/shim"
	"github.com/containerd/log"

	"github.com/wasmfile/wasmfile/pkg/version"
	"github.com/wasmfile/wasmfile/shim/bundle"
	"github.com/wasmfile/wasmfile/shim/lifecycle"
)

// manager is runc's, which starts shims, groups a pod's containers in one and
// cleans up after them, with our name. It is asked for what package launch does
// not do.
type manager struct {
	shim.Shim
}

// Stop cleans up after a container of which something may be left.
func (m manager) Stop(ctx context.Context, id string) (shim.StopStatus, error) {
	status, err := m.Shim.Stop(ctx, id)
	if err != nil {
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

// Info describes the runtime: runc's features and options, our version.
func (m manager) Info(ctx context.Context, options io.Reader) (*types.RuntimeInfo, error) {
	info, err := m.Shim.Info(ctx, options)
	if err != nil {
		return nil, err
	}
	info.Version = &types.RuntimeVersion{Version: version.Version, Revision: version.Commit}
	return info, nil
}
