package task

import (
	"context"
	"errors"
	"time"

	taskapi "github.com/containerd/containerd/api/runtime/task/v3"
	"github.com/containerd/errdefs"
	"github.com/containerd/errdefs/pkg/errgrpc"
	"github.com/containerd/log"
	"golang.org/x/sys/unix"

	"github.com/wasmfile/wasmfile/shim/listener"
)

// busyPoll is how often a server that drains is looked at, unless a look takes
// long: the guest decides how many sockets there are.
const busyPoll = 20 * time.Millisecond

// drain has a server end by the signal of a request.
//
// When the engine gets the signal, it stops accepting connections, which the
// kernel goes on to make until the engine ends, and fails every request that it
// has not begun. So new connections are refused first; the signal follows when
// there is no connection any more, half of the time to drain is over, or
// somebody asks a second time.
func (s *Service) drain(ctx context.Context, r *taskapi.KillRequest, g *guest) error {
	wait, first := g.beginWait(g.drain / 2)
	if !first {
		if wait.end() {
			return nil
		}
		return s.kill(ctx, r)
	}
	s.endAfterDrain(ctx, r, g)
	server, err := s.refuse(ctx, r.ID, g)
	if err != nil {
		wait.end()
		if !errors.Is(err, errNotRunning) && !errors.Is(err, listener.ErrNotFound) {
			log.G(ctx).WithError(err).WithField("container", r.ID).Warn("new connections to a server that drains are not refused")
		}
		return s.kill(ctx, r)
	}
	go func() {
		defer server.Close()
		waitIdle(wait, server)
		server.Reset() // What it has not accepted would wait for its end.
		s.killLater(ctx, r, g)
		wait.end()
	}()
	return nil
}

// refuse has new connections to a server refused, and returns the socket on
// which it listens.
func (s *Service) refuse(ctx context.Context, id string, g *guest) (*listener.Listener, error) {
	pid, pidfd, err := s.openInit(ctx, id)
	if err != nil {
		return nil, err
	}
	server, err := listener.Find(pid, pidfd, g.addr)
	if err != nil {
		return nil, err
	}
	if err := server.Refuse(); err != nil {
		return nil, errors.Join(err, server.Close())
	}
	return server, nil
}

// waitIdle waits until a server has no connection: at two looks, because one
// that is just made or accepted is not seen.
func waitIdle(ctx context.Context, server *listener.Listener) {
	for wasBusy := true; ctx.Err() == nil; {
		begun := time.Now()
		busy, err := server.Busy()
		if err != nil || !busy && !wasBusy { // An error is its end.
			return
		}
		wasBusy = busy
		select {
		case <-ctx.Done():
		case <-time.After(max(busyPoll, 10*time.Since(begun))):
		}
	}
}

// wait is the time that a server has for its clients before it is asked to end.
type wait struct {
	context.Context
	cancel context.CancelFunc
}

// beginWait begins the server's wait. It returns the one that was begun before,
// and false, if there is one.
func (g *guest) beginWait(longest time.Duration) (_ *wait, first bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.waiting != nil {
		return g.waiting, false
	}
	ctx, cancel := context.WithTimeout(context.Background(), longest)
	g.waiting = &wait{ctx, cancel}
	return g.waiting, true
}

// end ends the wait, and reports whether it was not over yet.
func (w *wait) end() bool {
	over := w.Err() != nil
	w.cancel()
	return !over
}

// endAfterDrain ends a server that still has connections when its time to
// drain is over. The engine waits for idle connections too, which clients
// keep open for as long as they like.
func (s *Service) endAfterDrain(ctx context.Context, r *taskapi.KillRequest, g *guest) {
	time.AfterFunc(g.drain, func() {
		s.killLater(ctx, &taskapi.KillRequest{ID: r.ID, Signal: uint32(unix.SIGKILL), All: r.All}, g)
	})
}

// killLater sends a signal when nobody waits for the answer, unless the container is
// another one of the same ID by then.
func (s *Service) killLater(ctx context.Context, r *taskapi.KillRequest, g *guest) {
	if s.guests.get(r.ID) != g {
		return
	}
	ctx = context.WithoutCancel(ctx)
	if err := s.kill(ctx, r); err != nil && !errdefs.IsNotFound(errgrpc.ToNative(err)) {
		log.G(ctx).WithError(err).WithFields(log.Fields{"container": r.ID, "signal": r.Signal}).Warn("cannot end a server that drains")
	}
}
