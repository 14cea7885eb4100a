package lifecycle

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

const (
	// stateName is runc's record of a container, in runc's directory of it.
	stateName = "state.json"

	// startPoll is how often, in milliseconds, a process that does not start
	// is looked at.
	startPoll = 100
)

// runcContainer is the part of runc's record of a container that matters here.
type runcContainer struct {
	ID          string            `json:"id"`
	Pid         int               `json:"init_process_pid"`
	CgroupPaths map[string]string `json:"cgroup_paths"`
	IntelRdt    string            `json:"intel_rdt_path"`
	Rootless    bool              `json:"rootless"`
	Config      struct {
		Namespaces []struct {
			Type string `json:"type"`
			Path string `json:"path"`
		} `json:"namespaces"`
		Cgroups struct {
			Systemd bool `json:"systemd"`
		} `json:"cgroups"`
		Hooks    map[string]json.RawMessage `json:"Hooks"`
		IntelRdt json.RawMessage            `json:"intel_rdt"`
	} `json:"config"`

	dir string
}

// readRunc reads runc's record of a container.
func readRunc(dir, id string) (container, error) {
	c := &runcContainer{dir: dir}
	encoded, err := os.ReadFile(filepath.Join(dir, stateName))
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(encoded, c); err != nil {
		return nil, err
	}
	if c.ID != id || c.Pid <= 0 {
		return nil, fmt.Errorf("%s is not runc's record of container %s", stateName, id)
	}
	return c, nil
}

// start lets the container's first process, which waits to open the fifo for
// writing, go on, by reading what it writes there.
func (c *runcContainer) start() bool {
	if c.hasHooks("poststart") {
		return false
	}
	path := filepath.Join(c.dir, fifoName)
	fifo, err := unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0)
	if err != nil {
		return false
	}
	defer unix.Close(fifo)
	for {
		polled := []unix.PollFd{{Fd: int32(fifo), Events: unix.POLLIN}}
		alive := alive(c.Pid)
		n, err := unix.Poll(polled, startPoll)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return false
		case n > 0:
			var buffer [64]byte
			if n, err := unix.Read(fifo, buffer[:]); err != nil || n == 0 {
				return false
			}
			return os.Remove(path) == nil
		case !alive:
			return false
		}
	}
}

func (c *runcContainer) delete() bool {
	if !c.ordinary() || alive(c.Pid) {
		return false
	}
	for _, path := range c.CgroupPaths {
		if err := unix.Rmdir(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return false
		}
	}
	return os.RemoveAll(c.dir) == nil
}

// ordinary reports whether cgroups that are directories are all that is left
// of the container: the first process of a pid namespace of its own takes the
// others with it, and nobody wants to be told.
func (c *runcContainer) ordinary() bool {
	if c.Rootless || c.Config.Cgroups.Systemd || c.IntelRdt != "" || c.Config.IntelRdt != nil || c.hasHooks("poststop") {
		return false
	}
	for _, path := range c.CgroupPaths {
		if !strings.HasPrefix(filepath.Clean(path), cgroupMount) {
			return false
		}
	}
	for _, n := range c.Config.Namespaces {
		if n.Type == "NEWPID" {
			return n.Path == ""
		}
	}
	return false
}

// hasHooks reports whether somebody wants to be told at a point of the
// container's life.
func (c *runcContainer) hasHooks(point string) bool {
	for name, hooks := range c.Config.Hooks {
		if strings.EqualFold(name, point) && string(hooks) != "null" && string(hooks) != "[]" {
			return true
		}
	}
	return false
}
