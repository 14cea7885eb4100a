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
	// stateName and fifoName are files in runc's directory of a container:
	// the first is written by `runc create`, on the second the container's
	// first process waits for somebody to start it.
	stateName = "state.json"
	fifoName  = "exec.fifo"

	// startPoll is how often, in milliseconds, a process that does not start
	// is looked at.
	startPoll = 100

	cgroupMount = "/sys/fs/cgroup/"
)

// state is the part of runc's record of a container that matters here.
type state struct {
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

// readState reads runc's record of a container.
func readState(dir, id string) (*state, error) {
	encoded, err := os.ReadFile(filepath.Join(dir, stateName))
	if err != nil {
		return nil, err
	}
	s := &state{dir: dir}
	if err := json.Unmarshal(encoded, s); err != nil {
		return nil, err
	}
	if s.ID != id || s.Pid <= 0 {
		return nil, fmt.Errorf("%s is not runc's record of container %s", stateName, id)
	}
	return s, nil
}

// alive reports whether there is a process of the container's number, which
// may be another's that was given the same.
func (s *state) alive() bool {
	return !errors.Is(unix.Kill(s.Pid, 0), unix.ESRCH)
}

// start lets the container's first process, which waits to open the fifo for
// writing, go on, by reading what it writes there. It reports false when the
// process is not there any more: runc then says what has happened.
func (s *state) start() bool {
	path := filepath.Join(s.dir, fifoName)
	fifo, err := unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0)
	if err != nil {
		return false
	}
	defer unix.Close(fifo)
	for {
		polled := []unix.PollFd{{Fd: int32(fifo), Events: unix.POLLIN}}
		alive := s.alive()
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

// delete removes what runc made for a container that has ended: its cgroups
// and its record. It reports false for one that is not gone, or of which more
// is to be cleaned up than that; what it may have removed then, runc does not
// miss.
func (s *state) delete() bool {
	if !s.ordinary() || s.alive() {
		return false
	}
	for _, path := range s.CgroupPaths {
		if err := unix.Rmdir(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return false
		}
	}
	return os.RemoveAll(s.dir) == nil
}

// ordinary reports whether cgroups that are directories are all that is left
// of the container: the first process of a pid namespace of its own takes the
// others with it, and nobody wants to be told.
func (s *state) ordinary() bool {
	if s.Rootless || s.Config.Cgroups.Systemd || s.IntelRdt != "" || s.Config.IntelRdt != nil {
		return false
	}
	for name, hooks := range s.Config.Hooks {
		if strings.EqualFold(name, "poststop") && string(hooks) != "null" && string(hooks) != "[]" {
			return false
		}
	}
	for _, path := range s.CgroupPaths {
		if !strings.HasPrefix(filepath.Clean(path), cgroupMount) {
			return false
		}
	}
	for _, n := range s.Config.Namespaces {
		if n.Type == "NEWPID" {
			return n.Path == ""
		}
	}
	return false
}
