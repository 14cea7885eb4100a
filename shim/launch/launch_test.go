package launch

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2/process"
	"github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2/runc"
	"github.com/containerd/containerd/v2/defaults"
	"github.com/containerd/containerd/v2/pkg/namespaces"
	"github.com/containerd/containerd/v2/pkg/shim"
	gorunc "github.com/containerd/go-runc"

	"github.com/wasmfile/wasmfile/shim/filelock"
	"github.com/wasmfile/wasmfile/shim/share"
)

// TestBeforeLibraries: given the shim's executable that is run to clean up, the
// libraries that it needs for serving are not initialized.
func TestBeforeLibraries(t *testing.T) {
	executable := filepath.Join(t.TempDir(), "shim")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", executable, "../cmd/containerd-shim-wasmfile-v1")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	bundle := t.TempDir()
	if err := runc.WriteExitStatus(bundle, gorunc.Exit{Timestamp: time.Now(), Pid: 7, Status: 3}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		id    string
		early bool
	}{{filepath.Base(bundle), true}, {"unknown", false}} {
		var trace bytes.Buffer
		cmd := exec.CommandContext(t.Context(), executable, "-namespace", "n", "-id", c.id, "-address", "a", "-bundle", bundle, "delete")
		// Nothing of the host is cleaned up: it finds no runc.
		cmd.Env, cmd.Dir, cmd.Stderr = []string{"GODEBUG=inittrace=1", "PATH="}, bundle, &trace
		out, err := cmd.Output()
		if c.early && (err != nil || len(out) == 0) {
			t.Errorf("%s: %v: %q", c.id, err, out)
		}
		if loaded := strings.Contains(trace.String(), "init google.golang.org/protobuf/types/descriptorpb "); loaded == c.early {
			t.Errorf("%s: libraries are initialized: %t", c.id, loaded)
		}
		if !strings.Contains(trace.String(), "init errors ") {
			t.Fatalf("nothing was traced: %s", &trace)
		}
	}
}

// Where things are is what containerd's library says.
func TestWhereThingsAre(t *testing.T) {
	d := daemon{namespace: "n", id: "c", containerd: "/run/containerd.sock"}
	for _, group := range []string{"c", "shared/0123"} {
		want, err := shim.CreateSocketAddress(namespaces.WithNamespace(context.Background(), "n"), "/run/s", "/run/containerd.sock", group, false)
		if err != nil || "unix://"+d.socket("/run/s", group) != want {
			t.Errorf("%s: %s, not %s, %v", group, d.socket("/run/s", group), want, err)
		}
	}
	if runcRoot != process.RuncRoot || socketDir != filepath.Join(defaults.DefaultStateDir, "s") {
		t.Errorf("%s, %s", runcRoot, socketDir)
	}
}

// Only what containerd usually asks for is done here.
func TestParse(t *testing.T) {
	usual := "-namespace n -address /a -publish-binary /b -id c"
	for args, want := range map[string]string{
		usual + " start":                "start",
		usual + " -bundle /d delete":    "delete",
		usual + " -debug start":         "",
		usual:                           "",
		usual + " start more":           "",
		"-info":                         "",
		"-v":                            "",
		"-namespace n -id ../c delete":  "",
		"-namespace .. -id c delete":    "",
		"-namespace n -address a -id c": "",
		"":                              "",
	} {
		c, ok := parse(strings.Fields(args))
		if ok != (want != "") || ok && (c.action != want || c.namespace != "n" || c.id != "c" || c.address != "/a") {
			t.Errorf("%q: %+v, %t", args, c, ok)
		}
	}
}

// A container of which nothing is left is told of; what may be left, and what
// cannot be understood, is for the library.
func TestDeleted(t *testing.T) {
	const ended = `{"Timestamp":"2026-01-02T03:04:05.6Z","Pid":7,"Status":3}`
	for name, c := range map[string]struct {
		files map[string]string
		ok    bool
	}{
		"nothing left":           {map[string]string{"exit.json": ended, "options.json": `{"root":"ROOT"}`}, true},
		"no options":             {map[string]string{"exit.json": ended}, true},
		"runc has it":            {map[string]string{"exit.json": ended, "options.json": `{"root":"ROOT"}`, "root/n/c/state.json": ""}, false},
		"it was not seen to end": {map[string]string{"options.json": `{}`}, false},
		"a damaged record":       {map[string]string{"exit.json": ended[:20]}, false},
		"an empty record":        {map[string]string{"exit.json": `{}`}, false},
		"damaged options":        {map[string]string{"exit.json": ended, "options.json": `{"root":1}`}, false},
	} {
		bundle := t.TempDir()
		for file, text := range c.files {
			path := filepath.Join(bundle, file)
			text = strings.ReplaceAll(text, "ROOT", filepath.Join(bundle, "root"))
			if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
				t.Fatal(err)
			}
		}
		got, ok := call{namespace: "n", id: "c"}.deleted(bundle)
		if ok != c.ok || ok && (got.Pid != 7 || got.Status != 3 || got.Timestamp.Nanosecond() != 600000000) {
			t.Errorf("%s: %+v, %t", name, got, ok)
		}
	}
	if !mayHaveMount("/dev") || !mayHaveMount("/a b") || mayHaveMount("/no/such") {
		t.Error("mounts are not told")
	}
}

func TestGroupOf(t *testing.T) {
	for text, want := range map[string]string{
		`{}`: "",
		`{"annotations":{"io.kubernetes.cri.sandbox-id":"pod"}}`:                                       "pod",
		`{"annotations":{"io.kubernetes.cri.sandbox-id":"pod","io.containerd.runc.v2.group":"group"}}`: "group",
	} {
		config := filepath.Join(t.TempDir(), "config.json")
		if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := groupOf(config); err != nil || got != want {
			t.Errorf("%s: %q, %v", text, got, err)
		}
	}
}

// A socket to which somebody listens is told from one that was left.
func TestListen(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s", "socket")
	if connects(socket) {
		t.Error("a socket that is not there can be connected to")
	}
	listener, err := listen(socket)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(socket); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	if !connects(socket) {
		t.Error("it cannot be connected to")
	}
	if _, err := listen(socket); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("a second listener: %v", err)
	}
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	if connects(socket) {
		t.Error("one that was left can be connected to")
	}
}

// Given a start of the group that has made the socket and does not listen yet, another
// start waits, and then finds the shim.
func TestEnsureAlone(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "socket")
	lock, err := filelock.Wait(share.LockPath(socket))
	if err != nil {
		t.Fatal(err)
	}
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(fd)
	if err := syscall.Bind(fd, &syscall.SockaddrUnix{Name: socket}); err != nil {
		t.Fatal(err)
	}
	before, err := os.Lstat(socket)
	if err != nil {
		t.Fatal(err)
	}
	found := make(chan error, 1)
	go func() { found <- daemon{namespace: "n", id: "c"}.ensureAlone(socket) }()
	select {
	case err := <-found:
		t.Fatalf("it did not wait: %v", err)
	case <-time.After(100 * time.Millisecond):
	}
	if err := errors.Join(syscall.Listen(fd, 1), filelock.Remove(lock)); err != nil {
		t.Fatal(err)
	}
	if err := <-found; err != nil {
		t.Error(err)
	}
	if after, err := os.Lstat(socket); err != nil || !os.SameFile(before, after) {
		t.Errorf("the socket is another: %v", err)
	}
	if _, err := os.Lstat(lock.Name()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the lock is left: %v", err)
	}
}

// A socket of a shim that lives is kept, and one that was left is not.
func TestRemoveSocket(t *testing.T) {
	bundle, sockets := t.TempDir(), t.TempDir()
	if err := link(sockets, filepath.Join(bundle, socketDirLink)); err != nil {
		t.Fatal(err)
	}
	c := call{namespace: "n", id: "c", address: "a"}
	socket := daemon{namespace: "n", containerd: "a"}.socket(sockets, "c")
	listener, err := listen(socket)
	if err != nil {
		t.Fatal(err)
	}
	c.removeSocket(bundle)
	if _, err := os.Stat(socket); err != nil {
		t.Error(err)
	}
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	c.removeSocket(bundle)
	if _, err := os.Stat(socket); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the socket that was left: %v", err)
	}
}

func TestWithEnvironment(t *testing.T) {
	got := strings.Join(withEnvironment([]string{"A=1", "GOMAXPROCS=2", "B=GOMAXPROCS=2", "odd"}, "GOMAXPROCS=4"), " ")
	if got != "A=1 B=GOMAXPROCS=2 odd GOMAXPROCS=4" {
		t.Error(got)
	}
}

func TestProcs(t *testing.T) {
	for there, want := range map[int]int{1: 1, 2: 1, 3: 1, 4: 2, 8: 4, 64: 4} {
		if got := procs(there); got != want {
			t.Errorf("of %d processors a shim uses %d, not %d", there, got, want)
		}
	}
}
