package task

import (
	"context"

	taskapi "github.com/containerd/containerd/api/runtime/task/v3"
	"google.golang.org/protobuf/types/known/emptypb"
)

// The methods below are runc's as they are. They are written out, not
// embedded, so that a method which a new containerd adds does not compile
// until someone has thought about it.

// ResizePty sets the size of a terminal.
func (s *Service) ResizePty(ctx context.Context, r *taskapi.ResizePtyRequest) (*emptypb.Empty, error) {
	return s.runc.ResizePty(ctx, r)
}

// CloseIO closes a process's standard input.
func (s *Service) CloseIO(ctx context.Context, r *taskapi.CloseIORequest) (*emptypb.Empty, error) {
	return s.runc.CloseIO(ctx, r)
}

// Pause freezes a container.
func (s *Service) Pause(ctx context.Context, r *taskapi.PauseRequest) (*emptypb.Empty, error) {
	return s.runc.Pause(ctx, r)
}

// Resume thaws a container.
func (s *Service) Resume(ctx context.Context, r *taskapi.ResumeRequest) (*emptypb.Empty, error) {
	return s.runc.Resume(ctx, r)
}

// Update changes a container's resource limits.
func (s *Service) Update(ctx context.Context, r *taskapi.UpdateTaskRequest) (*emptypb.Empty, error) {
	return s.runc.Update(ctx, r)
}

// Stats are a container's cgroup's.
func (s *Service) Stats(ctx context.Context, r *taskapi.StatsRequest) (*taskapi.StatsResponse, error) {
	return s.runc.Stats(ctx, r)
}

// Pids lists the processes of a container.
func (s *Service) Pids(ctx context.Context, r *taskapi.PidsRequest) (*taskapi.PidsResponse, error) {
	return s.runc.Pids(ctx, r)
}

// Connect tells the process IDs of the shim and of a container.
func (s *Service) Connect(ctx context.Context, r *taskapi.ConnectRequest) (*taskapi.ConnectResponse, error) {
	return s.runc.Connect(ctx, r)
}

// Shutdown ends the shim when it has no containers left.
func (s *Service) Shutdown(ctx context.Context, r *taskapi.ShutdownRequest) (*emptypb.Empty, error) {
	return s.runc.Shutdown(ctx, r)
}
