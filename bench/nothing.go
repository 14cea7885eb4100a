package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"

	taskapi "github.com/containerd/containerd/api/runtime/task/v3"
	tasktypes "github.com/containerd/containerd/api/types/task"
	"github.com/containerd/ttrpc"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// nothing is a shim that runs nothing: each container has ended as soon as it is
// started. What it reaches is what client and containerd leave to any shim. It
// serves in this process, and its executable is a shell's one line.
type nothing struct {
	taskapi.TTRPCTaskService // nil: what is not answered below is not asked for

	// runtime is its name for containerd: the executable's path.
	runtime  string
	server   *ttrpc.Server
	listener net.Listener

	mu    sync.Mutex
	tasks map[string]*emptyTask
}

// emptyTask is a container of such a shim.
type emptyTask struct {
	outputs []string
	ended   chan struct{}
}

// serveNothing starts such a shim, with its files in a directory.
func serveNothing(ctx context.Context, dir string) (_ *nothing, err error) {
	socket := filepath.Join(dir, "nothing.sock")
	n := &nothing{runtime: filepath.Join(dir, "containerd-shim-nothing-v1"), tasks: map[string]*emptyTask{}}
	// To start it is answered by a BootstrapResult: version, address and protocol. To
	// delete is answered by an empty DeleteResponse, which is no byte.
	address := "unix://" + socket
	script := fmt.Sprintf("#!/bin/sh\ncase \"$*\" in *start) printf '\\010\\003\\022\\%03o%s\\032\\005ttrpc' ;; esac\n", len(address), address)
	if err := os.WriteFile(n.runtime, []byte(script), 0o755); err != nil {
		return nil, err
	}
	if n.server, err = ttrpc.NewServer(); err != nil {
		return nil, err
	}
	if n.listener, err = net.Listen("unix", socket); err != nil {
		return nil, err
	}
	taskapi.RegisterTTRPCTaskService(n.server, n)
	go func() { _ = n.server.Serve(ctx, n.listener) }() // Close ends it
	return n, nil
}

// Close ends the shim.
func (n *nothing) Close() error { return errors.Join(n.server.Close(), os.Remove(n.runtime)) }

func (n *nothing) task(id string) *emptyTask {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.tasks[id]
}

func pid() uint32 { return uint32(os.Getpid()) }

// Create implements taskapi.TTRPCTaskService, as all that follow.
func (n *nothing) Create(_ context.Context, r *taskapi.CreateTaskRequest) (*taskapi.CreateTaskResponse, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.tasks[r.ID] = &emptyTask{outputs: []string{r.Stdout, r.Stderr}, ended: make(chan struct{})}
	return &taskapi.CreateTaskResponse{Pid: pid()}, nil
}

// Start ends the container, and its outputs, for which a client waits.
func (n *nothing) Start(_ context.Context, r *taskapi.StartRequest) (*taskapi.StartResponse, error) {
	t := n.task(r.ID)
	go func() {
		defer close(t.ended)
		for _, path := range t.outputs {
			if f, err := os.OpenFile(path, os.O_WRONLY, 0); err == nil {
				_ = f.Close()
			}
		}
	}()
	return &taskapi.StartResponse{Pid: pid()}, nil
}

func (n *nothing) Wait(_ context.Context, r *taskapi.WaitRequest) (*taskapi.WaitResponse, error) {
	<-n.task(r.ID).ended
	return &taskapi.WaitResponse{ExitedAt: timestamppb.Now()}, nil
}

func (n *nothing) State(_ context.Context, r *taskapi.StateRequest) (*taskapi.StateResponse, error) {
	return &taskapi.StateResponse{ID: r.ID, Pid: pid(), Status: tasktypes.Status_STOPPED}, nil
}

func (n *nothing) Delete(_ context.Context, r *taskapi.DeleteRequest) (*taskapi.DeleteResponse, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.tasks, r.ID)
	return &taskapi.DeleteResponse{ExitedAt: timestamppb.Now()}, nil
}

func (n *nothing) Connect(context.Context, *taskapi.ConnectRequest) (*taskapi.ConnectResponse, error) {
	return &taskapi.ConnectResponse{ShimPid: pid(), TaskPid: pid()}, nil
}

func (n *nothing) Shutdown(context.Context, *taskapi.ShutdownRequest) (*emptypb.Empty, error) {
	return &emptypb.Empty{}, nil
}

func (n *nothing) Kill(context.Context, *taskapi.KillRequest) (*emptypb.Empty, error) {
	return &emptypb.Empty{}, nil
}

// CloseIO has nothing to close, which ctr asks for when its own input has ended.
func (n *nothing) CloseIO(context.Context, *taskapi.CloseIORequest) (*emptypb.Empty, error) {
	return &emptypb.Empty{}, nil
}
