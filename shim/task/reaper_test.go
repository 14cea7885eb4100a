package task

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/containerd/containerd/v2/pkg/sys/reaper"
	"golang.org/x/sys/unix"
)

// reapChildren does what containerd's library does in a shim.
func reapChildren(t *testing.T) {
	t.Helper()
	ended := make(chan os.Signal, 16)
	signal.Notify(ended, unix.SIGCHLD)
	var reaping sync.WaitGroup
	reaping.Go(func() {
		for range ended {
			if err := reaper.Reap(); err != nil && !errors.Is(err, unix.ECHILD) {
				t.Error(err)
			}
		}
	})
	t.Cleanup(func() {
		signal.Stop(ended)
		close(ended)
		reaping.Wait()
	})
}

// confined is a command that dies with the thread that starts it.
func confined(args ...string) *exec.Cmd {
	cmd := exec.Command(args[0], args[1:]...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd
}

// Given a compilation, and execs meanwhile for each of which a thread of the shim
// ends, the compilation goes on.
func TestThreadsEndWhileCompiling(t *testing.T) {
	reapChildren(t)
	ended := make(chan int)
	go func() {
		status, err := runReaped(t.Context(), confined("sleep", "0.5"))
		if err != nil {
			t.Error(err)
		}
		ended <- status
	}()
	for {
		select {
		case status := <-ended:
			if status != 0 {
				t.Errorf("the compiler ended with %d", status)
			}
			return
		case <-time.After(5 * time.Millisecond):
			var threads sync.WaitGroup
			for range 8 {
				threads.Go(func() {
					runtime.LockOSThread() // and never unlocked, as in mountIn
					time.Sleep(time.Millisecond)
				})
			}
			threads.Wait()
		}
	}
}

// What takes too long is killed.
func TestRunReapedKills(t *testing.T) {
	reapChildren(t)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	status, err := runReaped(ctx, confined("sleep", "60"))
	if status != 128+int(unix.SIGKILL) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("it ends with %d, %v", status, err)
	}
	if status, err := runReaped(t.Context(), confined("false")); status != 1 || err != nil {
		t.Errorf("false ends with %d, %v", status, err)
	}
}
