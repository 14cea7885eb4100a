package task

import (
	"context"
	"fmt"
	"sync"
	"time"

	taskapi "github.com/containerd/containerd/api/runtime/task/v3"
	"github.com/containerd/containerd/v2/pkg/shim"
	"github.com/containerd/ttrpc"
	"github.com/moby/locker"
	"golang.org/x/sys/unix"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/wasmfile/wasmfile/shim/lifecycle"
	"github.com/wasmfile/wasmfile/shim/tracing"
)

var (
	_ taskapi.TTRPCTaskService = (*Service)(nil)
	_ shim.TTRPCService        = (*Service)(nil)
)

// Service is the task service of the shim.
type Service struct {
	runc     taskapi.TTRPCTaskService
	guests   *guests
	preparer *preparer
	// traces is nil for none.
	traces  *tracing.Recorder
	idle    *idle
	garbage garbage
	// abandoned ends the shim unless it is asked for a container in time;
	// nil for never.
	abandoned *time.Timer
	// starting has the execs that are being started, or could not be, by container and
	// exec ID.
	starting sync.Map
	// starts has those who start a container wait for each other, by its ID: runc's
	// service tells of an end to each of those who start it at the same time.
	starts *locker.Locker
	// shared is nil in a shim of one container or pod.
	shared *shared
}

// abandonedAfter is how long a shim waits to be asked for its first
// container. A containerd that is killed just after it has started a shim
// knows nothing of it any more.
const abandonedAfter = time.Minute

// newService returns the service that changes runc's, which must publish
// through a publisher that knows the same guests.
func newService(runc taskapi.TTRPCTaskService, g *guests, p *preparer) *Service {
	return &Service{runc: runc, guests: g, preparer: p, starts: locker.New()}
}

// RegisterTTRPC implements shim.TTRPCService.
func (s *Service) RegisterTTRPC(server *ttrpc.Server) error {
	taskapi.RegisterTTRPCTaskService(server, s)
	return nil
}

// Create prepares the bundle of a WebAssembly container, and has runc create
// the container.
func (s *Service) Create(ctx context.Context, r *taskapi.CreateTaskRequest) (_ *taskapi.CreateTaskResponse, err error) {
	if s.abandoned != nil {
		s.abandoned.Stop()
	}
	s.garbage.busy()
	lifecycle.ExpectMove()
	s.shared.begin(r)
	defer func() { s.shared.created(r, err) }()
	if s.guests.get(r.ID) != nil {
		return nil, status.Errorf(codes.AlreadyExists, "container %s is there already", r.ID)
	}
	g, err := s.preparer.prepare(ctx, r)
	if err != nil {
		return nil, rpcError(err)
	}
	if g == nil {
		return s.runc.Create(ctx, r)
	}
	if r.Checkpoint != "" {
		g.engine.Release()
		return nil, rpcError(fmt.Errorf("container %s: %w", r.ID, errRestored))
	}
	g.watchOutput("", r.Stdout, r.Stderr) // Before the streams become others.
	defer func() {
		if err != nil {
			g.forgetOutput("")
			g.engine.Release()
		}
	}()
	if !g.serves { // Of a server, a trap ends one request, and the engine says so itself.
		if g.traps, err = reportTraps(ctx, r, g.component, g.network); err != nil {
			return nil, rpcError(err)
		}
	}
	s.guests.add(r.ID, g)
	created, err := s.runc.Create(ctx, r)
	if err != nil {
		s.guests.remove(r.ID)
		g.traps.abandon()
	}
	return created, err
}

// Start starts a created container or exec.
func (s *Service) Start(ctx context.Context, r *taskapi.StartRequest) (*taskapi.StartResponse, error) {
	if r.ExecID != "" {
		return s.startExec(ctx, r)
	}
	s.starts.Lock(r.ID)
	defer func() { _ = s.starts.Unlock(r.ID) }() // it is locked
	g := s.guests.get(r.ID)
	if g == nil {
		return s.runc.Start(ctx, r)
	}
	if err := s.makeWorkdir(ctx, r.ID, g.workdir); err != nil {
		return nil, rpcError(fmt.Errorf("container %s: %w", r.ID, err))
	}
	forget := s.beginRun(ctx, r.ID, g) // It may have ended before there is an answer.
	started, err := s.runc.Start(ctx, r)
	if err != nil {
		forget()
	}
	return started, err
}

// Kill sends a signal, or for a WebAssembly container what stands for it.
func (s *Service) Kill(ctx context.Context, r *taskapi.KillRequest) (*emptypb.Empty, error) {
	g := s.guests.get(r.ID)
	if g == nil || r.ExecID != "" {
		return s.runc.Kill(ctx, r)
	}
	asked := unix.Signal(r.Signal)
	sent := proto.Clone(r).(*taskapi.KillRequest)
	sent.Signal = uint32(g.translate(asked))
	err := g.ask(asked, func() error {
		if g.serves && drains(asked) {
			return s.drain(ctx, sent, g)
		}
		return s.kill(ctx, sent)
	})
	if err != nil {
		return nil, err
	}
	return &emptypb.Empty{}, nil
}

// kill sends a signal as it is.
func (s *Service) kill(ctx context.Context, r *taskapi.KillRequest) error {
	_, err := s.runc.Kill(ctx, r)
	return err
}

// State tells whether a process runs and how it ended.
func (s *Service) State(ctx context.Context, r *taskapi.StateRequest) (*taskapi.StateResponse, error) {
	state, err := s.runc.State(ctx, r)
	if g := s.guests.get(r.ID); err == nil && g != nil && r.ExecID == "" {
		state.ExitStatus = g.status(state.ExitStatus)
		state.Stdout, state.Stderr = g.traps.stream(state.Stdout), g.traps.stream(state.Stderr)
	}
	return state, err
}

// Wait waits for a process to end.
func (s *Service) Wait(ctx context.Context, r *taskapi.WaitRequest) (*taskapi.WaitResponse, error) {
	g := s.guests.get(r.ID)
	exit, err := s.runc.Wait(ctx, r)
	if err != nil || g == nil {
		return exit, err
	}
	if r.ExecID == "" {
		g.traps.finish(exit.ExitStatus)
		exit.ExitStatus = g.status(exit.ExitStatus)
	}
	g.output(r.ExecID).delivered()
	return exit, nil
}

// Delete removes a container or exec that has ended.
func (s *Service) Delete(ctx context.Context, r *taskapi.DeleteRequest) (*taskapi.DeleteResponse, error) {
	g := s.guests.get(r.ID)
	if g != nil && r.ExecID == "" {
		s.deleteExecs(ctx, r.ID, g)
	}
	deleted, err := s.runc.Delete(ctx, r)
	if err != nil {
		return deleted, err
	}
	s.forgetExecs(r.ID, r.ExecID)
	if r.ExecID != "" {
		if g != nil {
			g.forgetOutput(r.ExecID)
		}
		return deleted, nil
	}
	s.shared.deleted(r.ID)
	if g == nil {
		return deleted, nil
	}
	g.forgetOutputs()
	g.traps.finish(deleted.ExitStatus)
	g.traps.release()
	deleted.ExitStatus = g.status(deleted.ExitStatus)
	g.endRun(deleted.ExitStatus, deleted.ExitedAt)
	// Events of it must not be taken for those of the next container of its ID.
	g.told.waitDeleted(endWait)
	g.leave()
	g.engine.Release()
	s.guests.remove(r.ID)
	return deleted, nil
}

// Checkpoint is refused for a WebAssembly container: what would be restored
// is an engine of the host's, at addresses that may mean something else then.
func (s *Service) Checkpoint(ctx context.Context, r *taskapi.CheckpointTaskRequest) (*emptypb.Empty, error) {
	if s.guests.get(r.ID) != nil {
		return nil, status.Errorf(codes.Unimplemented, "container %s runs WebAssembly, which cannot be checkpointed: stop it and run its image again", r.ID)
	}
	return s.runc.Checkpoint(ctx, r)
}
