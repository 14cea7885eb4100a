package task

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	taskapi "github.com/containerd/containerd/api/runtime/task/v3"
	"github.com/containerd/containerd/v2/pkg/shutdown"
	"golang.org/x/sys/unix"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/wasmfile/wasmfile/shim/share"
)

// counted is runc's service of some containers.
type counted struct {
	taskapi.TTRPCTaskService
	containers int
	down       shutdown.Service
}

func (c *counted) Shutdown(context.Context, *taskapi.ShutdownRequest) (*emptypb.Empty, error) {
	if c.containers == 0 {
		c.down.Shutdown()
	}
	return &emptypb.Empty{}, nil
}

// A shared shim ends when it has no container, nobody creates one, and nobody
// was given its address lately; then its socket is gone, and others have to wait
// until the process is.
func TestEndIfUnused(t *testing.T) {
	for name, c := range map[string]struct {
		containers, creating int
		used                 time.Duration
		ends                 bool
	}{
		"unused":            {0, 0, 2 * share.Keep, true},
		"a container":       {1, 0, 2 * share.Keep, false},
		"one to be created": {0, 1, 2 * share.Keep, false},
		"one to come":       {0, 0, share.Keep / 2, false},
	} {
		t.Run(name, func(t *testing.T) {
			socket := filepath.Join(t.TempDir(), "socket")
			path := share.LockPath(socket)
			for _, file := range []string{socket, path} {
				if err := os.WriteFile(file, nil, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			at := time.Now().Add(-c.used)
			if err := os.Chtimes(path, at, at); err != nil {
				t.Fatal(err)
			}
			ctx, down := shutdown.WithShutdown(context.Background())
			s := &shared{Service: down, lock: path}
			s.runc = &counted{containers: c.containers, down: s}
			s.creating.Add(int32(c.creating))

			// What containerd asks for when it has deleted the last container.
			if _, err := s.runc.Shutdown(ctx, nil); err != nil {
				t.Fatal(err)
			}
			if s.ended.Load() {
				t.Fatal("it ended with its last container")
			}
			if err := s.endIfUnused(ctx); err != nil {
				t.Fatal(err)
			}
			if s.ended.Load() != c.ends {
				t.Errorf("ended: %t", !c.ends)
			}
			if _, err := os.Stat(socket); os.IsNotExist(err) != c.ends {
				t.Errorf("its socket: %v", err)
			}
			got := make(chan error, 1)
			go func() {
				lock, err := share.Acquire(path)
				if err == nil {
					err = lock.Release()
				}
				got <- err
			}()
			if c.ends {
				select {
				case <-got:
					t.Fatal("another has the lock before the shim is gone")
				case <-time.After(100 * time.Millisecond):
				}
				if err := s.held.Release(); err != nil {
					t.Error(err)
				}
			}
			select {
			case err := <-got:
				if err != nil {
					t.Error(err)
				}
			case <-time.After(10 * time.Second):
				t.Error("the lock is held")
			}
		})
	}
}

// The log goes to a container that is there, as long as there is one.
func TestLogs(t *testing.T) {
	stderr, err := unix.Dup(int(os.Stderr.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(stderr)
	defer unix.Dup3(stderr, int(os.Stderr.Fd()), 0)

	var l logs
	fifos := make(map[string]*os.File)
	for _, id := range []string{"a", "b"} {
		path := filepath.Join(t.TempDir(), "log")
		if err := unix.Mkfifo(path, 0o600); err != nil {
			t.Fatal(err)
		}
		reader, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer reader.Close()
		fifos[id] = reader
		if err := l.follow(id, path); err != nil {
			t.Fatal(err)
		}
	}
	logged := func(id, want string) {
		t.Helper()
		if _, err := os.Stderr.WriteString(want); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, 100)
		if n, err := fifos[id].Read(got); err != nil || string(got[:n]) != want {
			t.Errorf("%s: %q, %v", id, got[:n], err)
		}
	}
	logged("b", "of both")
	l.leave("b")
	l.leave("unknown")
	logged("a", "of the first")
	l.leave("a")
	if _, err := os.Stderr.WriteString("of nobody"); err != nil {
		t.Error(err)
	}
}
