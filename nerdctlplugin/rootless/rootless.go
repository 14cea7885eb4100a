// Package rootless finds the namespaces in which RootlessKit keeps a user's own
// containerd, and takes this process there, as nerdctl does.
package rootless

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/containerd/nerdctl/v2/pkg/rootlessutil"
)

// ErrNotRunning is returned when the user has no containerd that runs.
var ErrNotRunning = errors.New("no rootless containerd runs")

// Outside reports whether this process is an ordinary user's outside the
// namespaces of the user's containerd, where it can do nothing with containers.
func Outside() bool { return rootlessutil.IsRootlessParent() }

// Is reports whether containerd is the user's own. Inside the namespaces, where
// every process is root, that is so too.
func Is() bool { return rootlessutil.IsRootless() }

// Running returns an error that matches ErrNotRunning when there are no
// namespaces to enter.
func Running() error {
	dir, err := rootlessutil.RootlessKitStateDir()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNotRunning, err)
	}
	pid, err := rootlessutil.RootlessKitChildPid(dir)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNotRunning, err)
	}
	// It may have been killed, and then the directory is left over.
	if _, err := os.Stat(fmt.Sprintf("/proc/%d/ns/user", pid)); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: process %d, which %s names, has ended", ErrNotRunning, pid, dir)
	}
	return nil
}

// Enter makes this process start again, with the same arguments, inside the
// namespaces. It returns only when that fails.
func Enter(hostGatewayIP string) error {
	if err := Running(); err != nil {
		return err
	}
	return rootlessutil.ParentMain(hostGatewayIP)
}
