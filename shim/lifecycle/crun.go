package lifecycle

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

const (
	// statusName is crun's record of a container, and configName its copy of
	// the container's config.json, in crun's directory of it.
	statusName = "status"
	configName = "config.json"
)

// crunContainer is what crun knows of a container.
type crunContainer struct {
	status crunStatus
	config crunConfig
	dir    string
}

// crunStatus is crun's record, whole: what is not known here may be something
// that has to be cleaned up.
type crunStatus struct {
	Pid                 int    `json:"pid"`
	ProcessStartTime    uint64 `json:"process-start-time"`
	CgroupPath          string `json:"cgroup-path"`
	Scope               string `json:"scope"`
	Rootfs              string `json:"rootfs"`
	SystemdCgroup       bool   `json:"systemd-cgroup"`
	Bundle              string `json:"bundle"`
	Created             string `json:"created"`
	Owner               string `json:"owner"`
	Detached            bool   `json:"detached"`
	ExternalDescriptors string `json:"external_descriptors"`
}

// crunConfig is the part of a config.json that crun's start and delete read.
type crunConfig struct {
	Hooks struct {
		Poststart []json.RawMessage `json:"poststart"`
		Poststop  []json.RawMessage `json:"poststop"`
	} `json:"hooks"`
	Linux struct {
		Namespaces []struct {
			Type string `json:"type"`
			Path string `json:"path"`
		} `json:"namespaces"`
		IntelRdt json.RawMessage `json:"intelRdt"`
	} `json:"linux"`
}

// readCrun reads crun's record of a container.
func readCrun(dir, id string) (container, error) {
	c := &crunContainer{dir: dir}
	status, err := os.ReadFile(filepath.Join(dir, statusName))
	if err != nil {
		return nil, err
	}
	decoder := json.NewDecoder(bytes.NewReader(status))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&c.status); err != nil {
		return nil, err
	}
	if c.status.Pid <= 0 {
		return nil, fmt.Errorf("%s is not crun's record of container %s", statusName, id)
	}
	config, err := os.ReadFile(filepath.Join(dir, configName))
	if err != nil {
		return nil, err
	}
	return c, json.Unmarshal(config, &c.config)
}

// start writes to the fifo, which the container's first process has open for
// reading.
func (c *crunContainer) start() bool {
	if len(c.config.Hooks.Poststart) > 0 || !alive(c.status.Pid) {
		return false
	}
	path := filepath.Join(c.dir, fifoName)
	// It fails when nobody has it open.
	fifo, err := unix.Open(path, unix.O_WRONLY|unix.O_NONBLOCK|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0)
	if err != nil {
		return false
	}
	defer unix.Close(fifo)
	if os.Remove(path) != nil {
		return false
	}
	_, err = unix.Write(fifo, []byte{0})
	return err == nil
}

func (c *crunContainer) delete() bool {
	if !c.ordinary() || alive(c.status.Pid) || removeCgroups(cgroupMount, c.status.CgroupPath, 0) != nil {
		return false
	}
	return os.RemoveAll(c.dir) == nil
}

// ordinary reports whether cgroups and files are all that is left of the
// container: see runcContainer.ordinary.
func (c *crunContainer) ordinary() bool {
	if c.status.SystemdCgroup || c.status.Scope != "" || !filepath.IsAbs(c.status.CgroupPath) ||
		c.config.Linux.IntelRdt != nil || len(c.config.Hooks.Poststop) > 0 {
		return false
	}
	files, err := os.ReadDir(c.dir)
	if err != nil {
		return false
	}
	for _, f := range files {
		if f.IsDir() { // In which crun has mounted something.
			return false
		}
	}
	for _, n := range c.config.Linux.Namespaces {
		if n.Type == "pid" {
			return n.Path == ""
		}
	}
	return false
}
