package task

import (
	"context"
	"errors"
	"net"
	"os"
	"slices"
	"testing"
	"time"

	taskapi "github.com/containerd/containerd/api/runtime/task/v3"
	tasktypes "github.com/containerd/containerd/api/types/task"
	"github.com/containerd/errdefs"
	"golang.org/x/sys/unix"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"
)

// What is sent for signals, and what is reported when the engine's process
// then ends with a status.
func TestSignals(t *testing.T) {
	const term, kill = unix.SIGTERM, unix.SIGKILL
	cases := []struct {
		name     string
		serves   bool
		asked    []unix.Signal
		sent     []unix.Signal
		actual   uint32
		reported uint32
	}{
		{"stop a command", false, []unix.Signal{term}, []unix.Signal{kill}, 137, 143},
		{"interrupt a command", false, []unix.Signal{unix.SIGINT}, []unix.Signal{kill}, 137, 130},
		{"quit a command", false, []unix.Signal{unix.SIGQUIT}, []unix.Signal{kill}, 137, 131},
		{"hang up on a command", false, []unix.Signal{unix.SIGHUP}, []unix.Signal{kill}, 137, 129},
		{"a signal of the user's own", false, []unix.Signal{unix.SIGUSR1}, []unix.Signal{kill}, 137, 138},
		{"kill a command", false, []unix.Signal{kill}, []unix.Signal{kill}, 137, 137},
		{"stop a command that was interrupted", false, []unix.Signal{unix.SIGINT, term}, []unix.Signal{kill, kill}, 137, 130},
		{"stop a command that was killed", false, []unix.Signal{kill, term}, []unix.Signal{kill, kill}, 137, 137},
		{"kill a command that was stopped", false, []unix.Signal{term, kill}, []unix.Signal{kill, kill}, 137, 143},
		{"a command that ends by itself first", false, []unix.Signal{term}, []unix.Signal{kill}, 3, 3},
		{"a window that changes", false, []unix.Signal{unix.SIGWINCH}, []unix.Signal{unix.SIGWINCH}, 137, 137},
		{"a child that ends", false, []unix.Signal{unix.SIGCHLD}, []unix.Signal{unix.SIGCHLD}, 0, 0},
		{"look whether it is there", false, []unix.Signal{0}, []unix.Signal{0}, 137, 137},
		{"stop a server", true, []unix.Signal{term}, []unix.Signal{unix.SIGINT}, 0, 0},
		{"stop a server that has not begun", true, []unix.Signal{term}, []unix.Signal{unix.SIGINT}, 130, 0},
		{"stop a server that does not drain", true, []unix.Signal{term}, []unix.Signal{unix.SIGINT}, 137, 143},
		{"kill a server", true, []unix.Signal{kill}, []unix.Signal{kill}, 137, 137},
		{"kill a server that drains", true, []unix.Signal{term, kill}, []unix.Signal{unix.SIGINT, kill}, 137, 137},
		{"stop a server that was killed", true, []unix.Signal{kill, term}, []unix.Signal{kill, unix.SIGINT}, 137, 137},
		{"a signal that ends a server", true, []unix.Signal{unix.SIGUSR2}, []unix.Signal{kill}, 137, 140},
		{"a server that fails while it drains", true, []unix.Signal{term}, []unix.Signal{unix.SIGINT}, 134, 134},
	}
	for _, c := range cases {
		g := &guest{serves: c.serves}
		var sent []unix.Signal
		for _, asked := range c.asked {
			if err := g.ask(asked, func() error { sent = append(sent, g.translate(asked)); return nil }); err != nil {
				t.Error(err)
			}
		}
		if !slices.Equal(sent, c.sent) {
			t.Errorf("%s: %v becomes %v, not %v", c.name, c.asked, sent, c.sent)
		}
		if reported := g.status(c.actual); reported != c.reported {
			t.Errorf("%s: status %d is reported as %d, not %d", c.name, c.actual, reported, c.reported)
		}
	}
	untouched := &guest{}
	for _, status := range []uint32{0, 7, 134, 137} {
		if got := untouched.status(status); got != status {
			t.Errorf("without a signal, status %d is reported as %d", status, got)
		}
	}
}

// Given a signal that is being sent, a guest that it ends has not ended by SIGKILL for
// who asks meanwhile, and one that runs can be asked after.
func TestStatusWhileASignalIsSent(t *testing.T) {
	g := &guest{}
	asked := make(chan uint32, 1)
	err := g.ask(unix.SIGTERM, func() error {
		if got := g.status(0); got != 0 {
			t.Errorf("while it runs, its status is %d", got)
		}
		go func() { asked <- g.status(killedStatus) }()
		time.Sleep(10 * time.Millisecond)
		return nil
	})
	if got := <-asked; err != nil || got != 143 {
		t.Errorf("it ended with %d, %v", got, err)
	}
}

// recorder is runc's service as far as a test of ours needs one, for a
// container whose process is the test's own: it keeps the signals that are sent.
type recorder struct {
	taskapi.TTRPCTaskService
	signals chan uint32
}

func (r recorder) Kill(_ context.Context, k *taskapi.KillRequest) (*emptypb.Empty, error) {
	r.signals <- k.Signal
	return &emptypb.Empty{}, nil
}

func (r recorder) State(context.Context, *taskapi.StateRequest) (*taskapi.StateResponse, error) {
	return &taskapi.StateResponse{Pid: uint32(os.Getpid()), Status: tasktypes.Status_RUNNING}, nil
}

func (r recorder) Wait(context.Context, *taskapi.WaitRequest) (*taskapi.WaitResponse, error) {
	return &taskapi.WaitResponse{ExitStatus: killedStatus}, nil
}

func (r recorder) Delete(context.Context, *taskapi.DeleteRequest) (*taskapi.DeleteResponse, error) {
	return &taskapi.DeleteResponse{}, nil
}

func TestKillOfServerThatDoesNotDrain(t *testing.T) {
	living := &guests{}
	living.add("web", &guest{serves: true, drain: 10 * time.Millisecond})
	s := newService(recorder{signals: make(chan uint32, 4)}, living, nil)
	request := &taskapi.KillRequest{ID: "web", Signal: uint32(unix.SIGTERM)}
	if _, err := s.Kill(t.Context(), request); err != nil {
		t.Fatal(err)
	}
	for _, want := range []unix.Signal{unix.SIGINT, unix.SIGKILL} {
		if got := <-s.runc.(recorder).signals; got != uint32(want) {
			t.Errorf("signal %d was sent, not %d", got, want)
		}
	}
	if request.Signal != uint32(unix.SIGTERM) {
		t.Error("the request was changed")
	}
	if exit, err := s.Wait(t.Context(), &taskapi.WaitRequest{ID: "web"}); err != nil || exit.ExitStatus != 143 {
		t.Errorf("the exit is %v, %v", exit, err)
	}
}

// dead is runc's service with a container that has ended.
type dead struct{ recorder }

func (dead) Kill(context.Context, *taskapi.KillRequest) (*emptypb.Empty, error) {
	return nil, errdefs.ErrNotFound
}

// Given a guest that the kernel killed for its memory, it was not ended by a signal
// that comes too late; one that was stays so.
func TestKillOfTheDead(t *testing.T) {
	for asked, want := range map[unix.Signal]uint32{0: 137, unix.SIGINT: 130} {
		living := &guests{}
		living.add("c", &guest{asked: asked})
		s := newService(dead{}, living, nil)
		if _, err := s.Kill(t.Context(), &taskapi.KillRequest{ID: "c", Signal: uint32(unix.SIGTERM)}); !errdefs.IsNotFound(err) {
			t.Errorf("to kill it gives %v", err)
		}
		if exit, err := s.Wait(t.Context(), &taskapi.WaitRequest{ID: "c"}); err != nil || exit.ExitStatus != want {
			t.Errorf("the exit is %v, %v, not %d", exit, err, want)
		}
	}
}

// Given a server that listens, its connections are refused, and the one that it
// does not accept is reset, before the signal is sent.
func TestKillOfServerRefusesConnections(t *testing.T) {
	var config net.ListenConfig
	config.SetMultipathTCP(false)
	server, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	waiting, err := net.Dial("tcp", server.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer waiting.Close()
	living := &guests{}
	living.add("web", &guest{serves: true, addr: server.Addr().(*net.TCPAddr).AddrPort(), drain: 400 * time.Millisecond})
	signals := make(chan uint32) // Nobody takes one yet.
	s := newService(recorder{signals: signals}, living, nil)
	killed := make(chan error, 1)
	go func() {
		_, err := s.Kill(t.Context(), &taskapi.KillRequest{ID: "web", Signal: uint32(unix.SIGTERM)})
		killed <- err
	}()
	if _, err := waiting.Read(make([]byte, 1)); !errors.Is(err, unix.ECONNRESET) {
		t.Errorf("the connection that waits gets %v", err)
	}
	if _, err := net.Dial("tcp", server.Addr().String()); !errors.Is(err, unix.ECONNREFUSED) {
		t.Errorf("a new connection gets %v", err)
	}
	for _, want := range []unix.Signal{unix.SIGINT, unix.SIGKILL} {
		if got := <-signals; got != uint32(want) {
			t.Errorf("signal %d was sent, not %d", got, want)
		}
	}
	if err := <-killed; err != nil {
		t.Error(err)
	}
}

func TestNativeContainersAreLeftAlone(t *testing.T) {
	s := newService(recorder{signals: make(chan uint32, 1)}, &guests{}, nil)
	if _, err := s.Kill(t.Context(), &taskapi.KillRequest{ID: "native", Signal: uint32(unix.SIGTERM)}); err != nil {
		t.Fatal(err)
	}
	if got := <-s.runc.(recorder).signals; got != uint32(unix.SIGTERM) {
		t.Errorf("signal %d was sent", got)
	}
	if exit, err := s.Wait(t.Context(), &taskapi.WaitRequest{ID: "native"}); err != nil || exit.ExitStatus != killedStatus {
		t.Errorf("the exit is %v, %v", exit, err)
	}
}

func TestCreateTwice(t *testing.T) {
	living, first := &guests{}, &guest{}
	living.add("c", first)
	s := newService(recorder{}, living, nil)
	if _, err := s.Create(t.Context(), &taskapi.CreateTaskRequest{ID: "c"}); status.Code(err) != codes.AlreadyExists {
		t.Errorf("a second container of the same ID gives %v", err)
	}
	if living.get("c") != first {
		t.Error("the first one is forgotten")
	}
}

func TestCheckpointIsRefused(t *testing.T) {
	living := &guests{}
	living.add("c", &guest{})
	s := newService(recorder{}, living, nil)
	if _, err := s.Checkpoint(t.Context(), &taskapi.CheckpointTaskRequest{ID: "c"}); err == nil {
		t.Error("checkpoint was not refused")
	}
}

// Given a container that is another one of the same ID by then, it does not get what a
// server that drained was still to be sent.
func TestKillOfServerThatIsGone(t *testing.T) {
	living := &guests{}
	gone, other := &guest{serves: true, drain: 20 * time.Millisecond}, &guest{}
	living.add("web", gone)
	signals := make(chan uint32, 4)
	s := newService(recorder{signals: signals}, living, nil)
	if _, err := s.Kill(t.Context(), &taskapi.KillRequest{ID: "web", Signal: uint32(unix.SIGTERM)}); err != nil {
		t.Fatal(err)
	}
	living.add("web", other)
	s.killLater(t.Context(), &taskapi.KillRequest{ID: "web", Signal: uint32(unix.SIGINT)}, gone)
	if _, err := s.Kill(t.Context(), &taskapi.KillRequest{ID: "web", Signal: uint32(unix.SIGKILL)}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []unix.Signal{unix.SIGINT, unix.SIGKILL} {
		if got := <-signals; got != uint32(want) {
			t.Errorf("signal %d was sent, not %d", got, want)
		}
	}
}
