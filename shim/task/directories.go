package task

import (
	"context"
	"os"
	"path/filepath"

	"github.com/wasmfile/wasmfile/shim/codecache"
)

// taskPlugin is containerd's directory of tasks, below its root and below its
// state: <dir>/<taskPlugin>/<namespace>/<container>.
const taskPlugin = "io.containerd.runtime.v2.task"

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
	d := directories{bundle: bundleDir}
	work, err := os.Readlink(filepath.Join(bundleDir, "work"))
	tasks := filepath.Dir(filepath.Dir(work))
	if err == nil && filepath.IsAbs(work) && filepath.Base(tasks) == taskPlugin {
		d.containerd = filepath.Dir(tasks)
	} else if d.containerd, err = p.store.Root(ctx); err != nil {
		return d, err
	}
	d.state, err = codecache.StateDir(d.containerd)
	return d, err
}
