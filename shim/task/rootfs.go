package task

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	taskapi "github.com/containerd/containerd/api/runtime/task/v3"
	"github.com/containerd/containerd/v2/core/mount"
	securejoin "github.com/cyphar/filepath-securejoin"
	"github.com/opencontainers/runtime-spec/specs-go"
)

// rootfs is where the image's files are: mounted already by the client
// (Docker), or to be mounted by runc's service from what containerd sends.
type rootfs struct {
	path   string
	mounts []mount.Mount
}

func rootfsOf(r *taskapi.CreateTaskRequest, spec *specs.Spec) rootfs {
	if len(r.Rootfs) > 0 {
		return rootfs{path: filepath.Join(r.Bundle, "rootfs"), mounts: mount.FromProto(r.Rootfs)}
	}
	if filepath.IsAbs(spec.Root.Path) {
		return rootfs{path: spec.Root.Path}
	}
	return rootfs{path: filepath.Join(r.Bundle, spec.Root.Path)}
}

// mounted calls f while the image's files are there to be looked at. runc's
// service mounts them for the container afterwards.
func (r rootfs) mounted(f func() error) (err error) {
	if len(r.mounts) == 0 {
		return f()
	}
	if err := os.Mkdir(r.path, 0o711); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	defer func() { err = errors.Join(err, mount.UnmountMounts(r.mounts, r.path, 0)) }()
	if err := mount.All(r.mounts, r.path); err != nil {
		return fmt.Errorf("mount the image's files: %w", err)
	}
	return f()
}

// resolve follows the symbolic links of a path as the guest would, inside the
// image's files only.
func (r rootfs) resolve(destination string) (string, error) {
	resolved, err := securejoin.SecureJoin(r.path, destination)
	if err != nil {
		return "", err
	}
	return strings.TrimPrefix(resolved, filepath.Clean(r.path)), nil
}
