package task

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"

	"github.com/containerd/containerd/v2/pkg/sys/reaper"
)

// runReaped is an engine.Runner for the shim's process, which reaps all its
// children in one place. A command whose context ends is killed. The thread stays
// until then, because a confined child dies with the thread that started it, and
// threads of the shim end: those that were in a container's namespaces.
func runReaped(ctx context.Context, cmd *exec.Cmd) (int, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	exits, err := reaper.Default.Start(cmd)
	if err != nil {
		return 0, err
	}
	type result struct {
		status int
		err    error
	}
	ended := make(chan result, 1)
	go func() {
		status, err := reaper.Default.Wait(cmd, exits)
		ended <- result{status, err}
	}()
	select {
	case r := <-ended:
		return r.status, r.err
	case <-ctx.Done():
		// Which knows the process from a later one of the same number.
		err := cmd.Process.Kill()
		if errors.Is(err, os.ErrProcessDone) {
			err = nil
		}
		r := <-ended
		return r.status, errors.Join(fmt.Errorf("killed: %w", ctx.Err()), err)
	}
}
