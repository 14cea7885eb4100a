package task

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

const (
	// envState is the environment variable, of containerd and so of the
	// shim, that names the shim's own directory.
	envState = "WASMFILE_STATE"

	// stateName is that directory below containerd's root by default.
	stateName = "io.containerd.wasmfile.v1"

	// taskPlugin is containerd's directory of tasks, below its root and
	// below its state: <dir>/<taskPlugin>/<namespace>/<container>.
	taskPlugin = "io.containerd.runtime.v2.task"
)

// directories are those of the host that a container needs.
type directories struct {
	// bundle is the container's own, gone when it is.
	bundle string
	// containerd is containerd's root, such as /var/lib/containerd; empty
	// when its content is elsewhere.
	containerd string
	// state is where the shim keeps engines.
	state string
}

// locate finds containerd's root by the link to the task's directory there
// that containerd puts into each bundle, which costs nothing, else by asking
// containerd.
func (p *preparer) locate(ctx context.Context, bundleDir string) (directories, error) {
	d := directories{bundle: bundleDir, state: os.Getenv(envState)}
	work, err := os.Readlink(filepath.Join(bundleDir, "work"))
	tasks := filepath.Dir(filepath.Dir(work))
	if err == nil && filepath.IsAbs(work) && filepath.Base(tasks) == taskPlugin {
		d.containerd = filepath.Dir(tasks)
	} else if d.containerd, err = p.store.Root(ctx); err != nil {
		return d, err
	}
	if d.state != "" {
		if !filepath.IsAbs(d.state) {
			return d, fmt.Errorf("%s is %q: it must be an absolute path", envState, d.state)
		}
		return d, nil
	}
	if d.containerd == "" {
		return d, errors.New("containerd does not tell its root directory: name a directory for engines in its environment as " + envState)
	}
	d.state = filepath.Join(d.containerd, stateName)
	return d, nil
}
