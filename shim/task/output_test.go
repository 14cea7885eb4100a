package task

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	taskapi "github.com/containerd/containerd/api/runtime/task/v3"
	"golang.org/x/sys/unix"

	"github.com/wasmfile/wasmfile/shim/engine"
)

// TestOutputIsDelivered: given a client that reads late, its process has ended
// for it only when it has read everything; a client that is gone is not waited
// for.
func TestOutputIsDelivered(t *testing.T) {
	path := filepath.Join(t.TempDir(), "stdout")
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, reads := range map[string]bool{"reads late": true, "is gone": false} {
		t.Run(name, func(t *testing.T) { synctest.Test(t, func(t *testing.T) { testDelivery(t, path, reads) }) })
	}
}

func testDelivery(t *testing.T, path string, reads bool) {
	client := open(t, path, os.O_RDONLY|unix.O_NONBLOCK)
	watched := openOutput(path, "/dev/null", "not there")
	printed := bytes.Repeat([]byte("x"), 50_000)
	process := open(t, path, os.O_WRONLY)
	if _, err := process.Write(printed); err != nil {
		t.Fatal(err)
	}
	if err := process.Close(); err != nil {
		t.Fatal(err)
	}
	if !reads {
		if err := client.Close(); err != nil {
			t.Fatal(err)
		}
	}
	heard := make(chan time.Time, 1)
	ended := time.Now()
	go func() {
		watched.delivered()
		heard <- time.Now()
	}()
	if !reads {
		if waited := (<-heard).Sub(ended); waited > 0 {
			t.Errorf("it is waited for %s", waited)
		}
		return
	}
	time.Sleep(endWait / 2)
	before := time.Now()
	if got, err := io.ReadAll(client); err != nil || !bytes.Equal(got, printed) {
		t.Errorf("%d bytes of %d, %v", len(got), len(printed), err)
	}
	if at := <-heard; at.Before(before) {
		t.Errorf("it hears of the end %s before it reads", before.Sub(at))
	}
}

// TestOutputIsGivenUp: given a client that reads slowly, and another that deletes the
// process meanwhile, the second one does not wait for the first.
func TestOutputIsGivenUp(t *testing.T) {
	path := filepath.Join(t.TempDir(), "stdout")
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	client := open(t, path, os.O_RDONLY|unix.O_NONBLOCK)
	watched := openOutput(path)
	process := open(t, path, os.O_WRONLY)
	if _, err := process.Write(make([]byte, 50_000)); err != nil {
		t.Fatal(err)
	}
	if err := process.Close(); err != nil {
		t.Fatal(err)
	}
	heard := make(chan struct{})
	go func() {
		watched.delivered()
		close(heard)
	}()
	for range 4 {
		if _, err := io.ReadFull(client, make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		select {
		case <-heard:
			t.Fatal("the slow client is not waited for")
		case <-time.After(endWait / 4):
		}
	}
	closed := make(chan struct{})
	go func() {
		watched.close()
		close(closed)
	}()
	select {
	case <-closed:
		<-heard
	case <-time.After(endWait / 2): // After endWait, it would not wait any more.
		t.Error("it is waited for")
	}
}

// TestOutputsAreForgotten: given a container that is deleted, nothing stays open of
// its output, nor of that of processes which nobody has deleted.
func TestOutputsAreForgotten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "stdout")
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	g := &guest{engine: &engine.Engine{}}
	g.watchOutput("", path)
	g.watchOutput("added", path)
	readers := []int{g.output("").pipes[0].reader, g.output("added").pipes[0].reader}
	living := &guests{}
	living.add("c", g)
	if _, err := newService(recorder{}, living, nil).Delete(t.Context(), &taskapi.DeleteRequest{ID: "c"}); err != nil {
		t.Fatal(err)
	}
	for _, reader := range readers {
		if _, err := unix.FcntlInt(uintptr(reader), unix.F_GETFD, 0); err != unix.EBADF {
			t.Errorf("file %d: %v", reader, err)
		}
	}
}

func open(t *testing.T, path string, flag int) *os.File {
	t.Helper()
	f, err := os.OpenFile(path, flag, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}
