package task

import (
	"context"
	"errors"
	"fmt"
	"os/exec"

	"github.com/containerd/containerd/v2/pkg/sys/reaper"
	"golang.org/x/sys/unix"
)

// runReaped is an engine.Runner for the shim's process, which reaps all its
// children in one place. A command whose context ends is killed.
func runReaped(ctx context.Context, cmd *exec.Cmd) (int, error) {
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
		err := unix.Kill(cmd.Process.Pid, unix.SIGKILL)
		r := <-ended
		return r.status, errors.Join(fmt.Errorf("killed: %w", ctx.Err()), err)
	}
}
