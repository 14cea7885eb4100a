package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// open opens a sandbox below a directory, with a port chosen.
func open(t *testing.T, root string) *Sandbox {
	t.Helper()
	t.Setenv("SANDBOX_DIR", root)
	s, err := Open(io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(s.path("state"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := s.choosePort(); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSandboxesAreApart(t *testing.T) {
	a, b := open(t, t.TempDir()), open(t, t.TempDir())
	for what, values := range map[string][2]string{
		"bridge of dockerd": {a.dockerBridge(), b.dockerBridge()},
		"bridge of nerdctl": {a.nerdctlBridge(), b.nerdctlBridge()},
		"containerd socket": {a.containerdSocket(), b.containerdSocket()},
		"two subnets":       {a.subnet(0), a.subnet(1)},
	} {
		if values[0] == values[1] {
			t.Errorf("%s: both are %s", what, values[0])
		}
	}
	for n := range 2 {
		if _, _, err := net.ParseCIDR(a.subnet(n) + ".0/24"); err != nil {
			t.Error(err)
		}
	}
	if len(a.dockerBridge()) > 15 {
		t.Errorf("%s is too long for an interface's name", a.dockerBridge())
	}
}

func TestSocketsOfALongDirectoryAreReachable(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), strings.Repeat("long/", 20)))
	if err := s.makeDirectories(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Remove(s.run) })
	if err := s.makeDirectories(); err != nil {
		t.Fatalf("a second time: %v", err)
	}
	listener, err := net.Listen("unix", s.containerdSocket()+".ttrpc")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	if !exists(filepath.Join(s.root, "run", "containerd.sock.ttrpc")) {
		t.Error("the socket is not below the sandbox")
	}
}

func TestChoosePortKeepsAndMoves(t *testing.T) {
	s := open(t, t.TempDir())
	first := s.registryAddress()
	if err := s.choosePort(); err != nil || s.registryAddress() != first {
		t.Fatalf("the port moved from %s to %s (%v)", first, s.registryAddress(), err)
	}
	listener, err := net.Listen("tcp", first)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	if err := s.choosePort(); err != nil || s.registryAddress() == first {
		t.Fatalf("the port is still %s, which is taken (%v)", first, err)
	}
}

func TestConfigurationsAreComplete(t *testing.T) {
	s := open(t, t.TempDir())
	entries, err := configFiles.ReadDir("config")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		text, err := s.render(e.Name())
		if err != nil {
			t.Error(err)
			continue
		}
		if strings.Contains(string(text), "{{") || strings.Contains(string(text), `""`) {
			t.Errorf("%s has a hole:\n%s", e.Name(), text)
		}
		switch filepath.Ext(e.Name()) {
		case ".json", ".conflist":
			if !json.Valid(text) {
				t.Errorf("%s is not JSON:\n%s", e.Name(), text)
			}
		}
	}
}

func TestProcessIsKnownByItsStart(t *testing.T) {
	s := open(t, t.TempDir())
	cmd := exec.Command("sleep", "60")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	pid, d := cmd.Process.Pid, daemon{name: "sleep"}
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(s.pidFile(d), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write(fmt.Sprintln(pid, startTime(pid)+"0", "key"))
	if _, ok := s.running(d); ok {
		t.Error("a process that started at another time is taken for the daemon")
	}
	write(fmt.Sprintln(pid, startTime(pid), "key"))
	if p, ok := s.running(d); !ok || p.key != "key" {
		t.Errorf("the daemon's process is %+v, %v", p, ok)
	}
	if err := s.stop(d); err != nil {
		t.Fatal(err)
	}
	if _, ok := s.running(d); ok || exists(s.pidFile(d)) {
		t.Error("the daemon was stopped and still counts as running")
	}
	if err := cmd.Wait(); err == nil {
		t.Error("sleep was not ended by a signal")
	}
}

func TestDaemonsKeepTemporaryFilesInTheSandbox(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), strings.Repeat("long/", 20)))
	if err := s.makeDirectories(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Remove(s.run) })
	d := daemon{name: "temporary", args: []string{"sh", "-c", "echo $(mktemp) > made && mv made done"}}
	if _, err := s.fork(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	var made []byte
	for deadline := time.Now().Add(10 * time.Second); made == nil && time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		made, _ = os.ReadFile(s.path("done")) // It is not there yet.
	}
	file := filepath.Base(strings.TrimSpace(string(made)))
	if !exists(s.path("run", "tmp", file)) || file == "." {
		t.Errorf("the temporary file is %q", made)
	}
}

func TestMountsBelow(t *testing.T) {
	const mountinfo = `22 1 0:20 / / rw - ext4 /dev/vda rw
40 22 0:31 / /a/sandbox/run/x rw - tmpfs tmpfs rw
41 40 0:32 / /a/sandbox/run/x/with\040space rw - overlay overlay rw
42 22 0:33 / /a/sandbox-2/run rw - tmpfs tmpfs rw
`
	want := []string{"/a/sandbox/run/x", "/a/sandbox/run/x/with space"}
	if got := mountsBelow(mountinfo, "/a/sandbox"); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestIsShim(t *testing.T) {
	s := open(t, t.TempDir())
	for cmdline, want := range map[string]bool{
		"/t/containerd-shim-runc-v2\x00-namespace\x00default\x00-address\x00" + s.containerdSocket() + "\x00": true,
		"/t/containerd-shim-runc-v2\x00-address\x00/run/containerd/containerd.sock\x00":                       false,
		"ctr\x00--address\x00" + s.containerdSocket() + "\x00":                                                false,
		"": false,
	} {
		if got := s.isShim([]byte(cmdline)); got != want {
			t.Errorf("isShim(%q) = %v", cmdline, got)
		}
	}
}

func TestEnvironmentQuotes(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "it's here"))
	var script strings.Builder
	if err := s.PrintEnv(&script); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("sh", "-c", script.String()+`printf %s "$CONTAINERD_ADDRESS"`).Output()
	if err != nil || string(out) != s.containerdSocket() {
		t.Errorf("CONTAINERD_ADDRESS is %q (%v), want %q", out, err, s.containerdSocket())
	}
}

// TestOnlineTriesAgain: given what needs the network and fails, it is tried again for a
// while, unless somebody interrupts.
func TestOnlineTriesAgain(t *testing.T) {
	for name, c := range map[string]struct {
		failures, tries int
		interrupted     bool
	}{
		"at once":      {failures: 0, tries: 1},
		"a bad moment": {failures: 2, tries: 3},
		"for good":     {failures: 100, tries: onlineTries},
		"interrupted":  {failures: 100, tries: 1, interrupted: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				s, tries := &Sandbox{log: io.Discard}, 0
				err := s.online(ctx, "fetch", func() error {
					tries++
					if c.interrupted {
						time.AfterFunc(onlineWait/2, cancel)
					}
					if tries <= c.failures {
						return errors.New("no route to host")
					}
					return nil
				})
				if tries != c.tries || (err == nil) != (c.tries > c.failures) {
					t.Errorf("tried %d times, not %d: %v", tries, c.tries, err)
				}
			})
		})
	}
}
