package launch

import (
	"io"
	"os"
	"strings"

	"github.com/wasmfile/wasmfile/shim/share"
)

const (
	// socketDir is where the sockets are when containerd does not say.
	socketDir = "/run/containerd/s"

	// socketDirLink is the link in a bundle by which the shim finds them.
	socketDirLink = "s"

	// maxInput is the most bytes that are read of containerd.
	maxInput = 10 << 20
)

// groupAnnotations are the annotations of a container by whose value several
// share a shim, the first first.
var groupAnnotations = []string{"io.containerd.runc.v2.group", "io.kubernetes.cri.sandbox-id"}

// start starts a shim, or finds the one that the container shares, and tells
// containerd its address. It reports false when it did not.
func (c call) start() bool {
	input, err := io.ReadAll(io.LimitReader(os.Stdin, maxInput))
	if err != nil {
		return false
	}
	if params, ok := parseBootstrap(input); ok && c.ordinary(params) {
		if address, err := c.provide(params); err == nil {
			_, err = os.Stdout.Write(bootstrapResult(address))
			return err == nil
		}
	}
	// The library says best what is wrong.
	giveBack(input)
	return false
}

func (c call) ordinary(params bootstrap) bool {
	return params.id == c.id && params.namespace == c.namespace && !params.debug && !params.shimCgroup &&
		os.Getenv("SCHED_CORE") == ""
}

// giveBack makes what was read the standard input once more.
func giveBack(input []byte) {
	r, w, err := os.Pipe()
	if err != nil {
		return
	}
	os.Stdin = r
	go func() {
		_, _ = w.Write(input) // Who reads it sees that it is not whole.
		_ = w.Close()
	}()
}

// provide returns the address of the shim for the container.
func (c call) provide(params bootstrap) (address string, err error) {
	dir := params.socketDir
	if dir == "" {
		dir = socketDir
	} else if err := link(dir, socketDirLink); err != nil {
		return "", err
	}
	d := daemon{namespace: c.namespace, id: c.id, containerd: params.address}
	group, err := groupOf("config.json")
	switch {
	case err != nil:
		return "", err
	case group != "":
		socket := d.socket(dir, group)
		return "unix://" + socket, d.ensureAlone(socket)
	case share.Wanted():
		return d.shared(dir)
	}
	socket := d.socket(dir, c.id)
	return "unix://" + socket, d.ensure(socket)
}

func link(target, path string) error {
	if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
		return err
	}
	return os.Symlink(target, path)
}

// groupOf returns whom a container shares a shim with, empty for nobody.
func groupOf(config string) (string, error) {
	var spec struct {
		Annotations map[string]string `json:"annotations"`
	}
	if err := readJSON(config, &spec); err != nil {
		return "", err
	}
	for _, name := range groupAnnotations {
		if group, ok := spec.Annotations[name]; ok {
			return group, nil
		}
	}
	return "", nil
}

// shared returns the address of the shim that the containers of the namespace
// share.
func (d daemon) shared(dir string) (_ string, err error) {
	executable, err := os.Stat("/proc/self/exe")
	if err != nil {
		return "", err
	}
	d.id = share.ID(executable, os.Environ())
	socket := d.socket(dir, d.id)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	lock, err := share.Acquire(share.LockPath(socket))
	if err != nil {
		return "", err
	}
	defer func() {
		if e := lock.Release(); err == nil {
			err = e
		}
	}()
	if err := lock.Use(); err != nil {
		return "", err
	}
	d.environment = []string{share.EnvLock + "=" + share.LockPath(socket)}
	return "unix://" + socket, d.ensure(socket)
}

// withEnvironment adds variables to an environment, in place of those of the
// same names.
func withEnvironment(environment []string, added ...string) []string {
	var kept []string
	for _, v := range environment {
		name, _, _ := strings.Cut(v, "=")
		replaced := false
		for _, a := range added {
			replaced = replaced || strings.HasPrefix(a, name+"=")
		}
		if !replaced {
			kept = append(kept, v)
		}
	}
	return append(kept, added...)
}
