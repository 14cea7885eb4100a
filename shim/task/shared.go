package task

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	taskapi "github.com/containerd/containerd/api/runtime/task/v3"
	"github.com/containerd/containerd/v2/pkg/shutdown"
	"github.com/containerd/log"

	"github.com/wasmfile/wasmfile/shim/share"
)

// shared is the shutdown of a shim that the containers of a namespace share.
// runc's service shuts down when containerd has deleted the last container; a
// shared shim waits for the next one.
type shared struct {
	shutdown.Service
	// runc knows the containers.
	runc taskapi.TTRPCTaskService
	// lock is the path of the shim's lock.
	lock string
	// creating counts the containers that are being created.
	creating atomic.Int32
	// ending says that a shutdown is meant, ended that there was one.
	ending, ended atomic.Bool
	// held is the lock of a shim that ends, until the process has ended: what
	// it still removes must not be another's by then.
	held *share.Lock
	logs logs
}

// newShared returns nil for a shim that is not shared.
func newShared(down shutdown.Service) (*shared, error) {
	lock := os.Getenv(share.EnvLock)
	if lock == "" {
		return nil, nil
	}
	// What the shim starts is not that shim, and the directory that it was
	// started in goes with the first of its containers.
	if err := os.Unsetenv(share.EnvLock); err != nil {
		return nil, err
	}
	return &shared{Service: down, lock: lock}, os.Chdir("/")
}

// Shutdown implements shutdown.Service.
func (s *shared) Shutdown() {
	if s.ending.Load() {
		s.ended.Store(true)
		s.Service.Shutdown()
	}
}

// endWhenUnused ends the shim when it is not used any more.
func (s *shared) endWhenUnused(ctx context.Context) {
	for {
		select {
		case <-s.Done():
			return
		case <-time.After(share.Keep / 2):
		}
		if err := s.endIfUnused(ctx); err != nil {
			log.G(ctx).WithError(err).Warn("cannot tell whether this shim is still used")
		}
	}
}

// endIfUnused ends the shim if it has no container, and if none of those for
// which its address was given out may still come. Nobody is given its address
// while it holds the lock, nor when its socket is gone.
func (s *shared) endIfUnused(ctx context.Context) error {
	if s.creating.Load() > 0 {
		return nil
	}
	lock, err := share.Acquire(s.lock)
	if err != nil {
		return err
	}
	if s.held, err = lock, s.end(ctx, lock); s.ended.Load() {
		return errors.Join(err, os.Remove(strings.TrimSuffix(s.lock, share.LockPath(""))))
	}
	return errors.Join(err, lock.Release())
}

// end shuts down if the shim is not used, while nobody can begin to use it.
func (s *shared) end(ctx context.Context, lock *share.Lock) error {
	if used, err := lock.Used(); err != nil || used || s.creating.Load() > 0 {
		return err
	}
	s.ending.Store(true)
	defer s.ending.Store(false)
	// It shuts down unless it has a container.
	_, err := s.runc.Shutdown(ctx, &taskapi.ShutdownRequest{})
	return err
}

// begin notes that a container is being created, until created is called.
func (s *shared) begin(r *taskapi.CreateTaskRequest) {
	if s == nil {
		return
	}
	s.creating.Add(1)
	if err := s.logs.follow(r.ID, filepath.Join(r.Bundle, "log")); err != nil {
		log.L.WithError(err).WithField("container", r.ID).Warn("cannot log to the container's log")
	}
}

// created notes that it was, or why not.
func (s *shared) created(r *taskapi.CreateTaskRequest, err error) {
	if s == nil {
		return
	}
	if err != nil {
		s.logs.leave(r.ID)
	}
	s.creating.Add(-1)
}

// deleted notes that a container was deleted.
func (s *shared) deleted(id string) {
	if s != nil {
		s.logs.leave(id)
	}
}
