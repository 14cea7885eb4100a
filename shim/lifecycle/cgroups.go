package lifecycle

import (
	"errors"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

const (
	cgroupMount = "/sys/fs/cgroup/"

	// removeFor is how long removing an empty cgroup is tried: the kernel lets go
	// of processes that have ended a moment later.
	removeFor = 500 * time.Millisecond
)

// RemoveCgroups removes the cgroups of a container of which runc knows
// nothing, as when it was killed between making them and noting it: runc's own
// delete cannot find them. cgroupsPath is the one in the container's
// config.json; only an absolute one says where they are. A cgroup with
// processes in it is somebody's, and stays.
func RemoveCgroups(cgroupsPath string) error {
	return removeCgroups(cgroupMount, cgroupsPath, removeFor)
}

// removeCgroups removes the cgroups of a path, and tries for some time to remove
// one that is in use.
func removeCgroups(mount, cgroupsPath string, try time.Duration) error {
	path := filepath.Clean(cgroupsPath)
	if !filepath.IsAbs(path) || path == "/" {
		return nil
	}
	// Version 1 has a hierarchy for each controller.
	hierarchies, err := filepath.Glob(filepath.Join(mount, "*"))
	if err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(mount, "cgroup.controllers")); err == nil {
		hierarchies = []string{mount}
	}
	for _, hierarchy := range hierarchies {
		for begun := time.Now(); ; time.Sleep(20 * time.Millisecond) {
			e := unix.Rmdir(filepath.Join(hierarchy, path))
			if !errors.Is(e, unix.EBUSY) || time.Since(begun) >= try {
				if e != nil && !errors.Is(e, unix.ENOENT) && !errors.Is(e, unix.ENOTDIR) {
					err = errors.Join(err, &os.PathError{Op: "remove", Path: filepath.Join(hierarchy, path), Err: e})
				}
				break
			}
		}
	}
	return err
}
