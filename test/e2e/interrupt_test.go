package e2e

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
)

// interrupt runs a command, sends it signals when ready returns, and returns how it ended
// and what it said.
func interrupt(t *testing.T, ready func(), signals []syscall.Signal, args ...string) (syscall.WaitStatus, string) {
	t.Helper()
	cmd, said := begin(t, args...)
	ready()
	for _, signal := range signals {
		_ = cmd.Process.Signal(signal) // it may have ended
	}
	_ = cmd.Wait()
	return cmd.ProcessState.Sys().(syscall.WaitStatus), said.String()
}

// after is when a time is over.
func after(wait time.Duration) (ready func()) { return func() { time.Sleep(wait) } }

// TestInterruptedRun: given a signal, or two, at any moment of a run before there is a
// guest, the process ends by that signal, which ends a shell's loop, and nothing is left
// of the container; from then on the signal is the guest's.
func TestInterruptedRun(t *testing.T) {
	ref, namespace := probe(t, "component"), unique("interrupted")
	defer removeNamespace(t, namespace)
	base := []string{"nerdctl", "--namespace", namespace, "wasm"}
	must(t, append(base, "run", "-q", "--rm", "--net", "none", ref, "args")...)
	file := filepath.Join(write(t, map[string]string{"guest.wasm": string(guest(t, "probe.component"))}), "guest.wasm")
	for wait := 20 * time.Millisecond; wait < 300*time.Millisecond; wait += 35 * time.Millisecond {
		for _, c := range []struct {
			signals []syscall.Signal
			what    string
		}{
			{[]syscall.Signal{syscall.SIGTERM}, ref},
			{[]syscall.Signal{syscall.SIGINT, syscall.SIGINT}, ref},
			{[]syscall.Signal{syscall.SIGTERM}, file},
		} {
			name := unique("interrupted")
			status, said := interrupt(t, after(wait), c.signals, append(base, "run", "--rm", "--net", "none", "--name", name, c.what, "sleep", "60")...)
			signal := c.signals[0]
			switch {
			case status.Signaled() && status.Signal() == signal && (said == "" || said == "nerdctl wasm: interrupted\n"):
			case status.ExitStatus() == 128+int(signal): // the guest's
			default:
				t.Errorf("%s after %s: %#x: %s", signal, wait, status, said)
			}
			for _, list := range [][]string{{"containers"}, {"tasks"}, {"leases"}} {
				if out := must(t, "ctr", "-n", namespace, list[0], "ls", "-q"); out != "" {
					t.Fatalf("%s after %s leaves %s: %s", signal, wait, list[0], out)
				}
			}
			if left, err := filepath.Glob(filepath.Join(os.Getenv("SANDBOX_DIR"), "data/nerdctl/*/containers", namespace, "*")); err != nil || len(left) > 0 {
				t.Fatalf("%s after %s leaves %s, %v", signal, wait, left, err)
			}
		}
	}
}

// TestInterruptedStart: given a run without --rm that is interrupted before there is
// a guest, there is no container of which nobody knows.
func TestInterruptedStart(t *testing.T) {
	namespace := unique("unstarted")
	defer removeNamespace(t, namespace)
	base := []string{"nerdctl", "--namespace", namespace, "wasm"}
	for _, flags := range [][]string{{}, {"-d"}} {
		content := string(neverSeen(guest(t, "probe.component")))
		file := filepath.Join(write(t, map[string]string{"guest.wasm": content}), "guest.wasm")
		letCompile := holdCompilation(t, digest.FromString(content))
		args := append(append(append(base, "run", "--net", "none", "--name", unique("unstarted")), flags...), file, "sleep", "60")
		status, said := interrupt(t, func() {
			eventually(t, 30*time.Second, "a container", func() bool {
				return must(t, "ctr", "-n", namespace, "containers", "ls", "-q") != ""
			})
		}, []syscall.Signal{syscall.SIGTERM}, args...)
		letCompile()
		if !status.Signaled() || said != "nerdctl wasm: interrupted\n" {
			t.Errorf("%s: %#x: %s", flags, status, said)
		}
		if out := must(t, "ctr", "-n", namespace, "containers", "ls", "-q"); out != "" {
			t.Errorf("%s leaves %s", flags, out)
		}
	}
}

// TestHangup: given a terminal that goes away, a command that is not done undoes what it
// began, and a guest ends; given nohup, nothing happens.
func TestHangup(t *testing.T) {
	ref, name := probe(t, "component"), unique("hangup")
	must(t, "nerdctl", "wasm", "pull", "-q", ref)
	defer try(t, "nerdctl", "rm", "-f", name)
	run := "exec nerdctl wasm run -q --rm --net none --name " + name + " " + ref + " sleep 60"
	running := func() { awaitRunning(t, name) }
	hangup, end := syscall.SIGHUP, syscall.SIGTERM
	// What ignores it, as nohup does, has what it starts ignore it; what handles it does not.
	handled := make(chan os.Signal, 1)
	signal.Notify(handled, hangup)
	defer signal.Stop(handled)
	if status, said := interrupt(t, after(50*time.Millisecond), []syscall.Signal{hangup}, "sh", "-c", run); !status.Signaled() || said != "" && said != "nerdctl wasm: interrupted\n" {
		t.Errorf("in the beginning: %#x: %s", status, said)
	}
	if out := must(t, "nerdctl", "ps", "-aq", "--filter", "name="+name); out != "" {
		t.Errorf("%s is left", out)
	}
	if status, said := interrupt(t, running, []syscall.Signal{hangup}, "sh", "-c", run); status.ExitStatus() != 128+int(hangup) {
		t.Errorf("when the guest runs: %#x: %s", status, said)
	}
	if status, said := interrupt(t, running, []syscall.Signal{hangup, end}, "sh", "-c", "trap '' HUP; "+run); status.ExitStatus() != 128+int(end) {
		t.Errorf("with nohup: %#x: %s", status, said)
	}
}

// TestInterruptedPush: given a push that is interrupted, it says so, and nothing of the
// request that was under way.
func TestInterruptedPush(t *testing.T) {
	layout := build{builder: buildkitBuilder(), dir: example("greet")}.layout(t)
	putting := make(chan struct{}, 100)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.Method {
		case http.MethodPost:
			w.Header().Set("Location", r.URL.Path+"one")
			w.WriteHeader(http.StatusAccepted)
		case http.MethodPut: // whose answer does not come
			_, _ = io.Copy(io.Discard, r.Body)
			putting <- struct{}{}
			<-r.Context().Done()
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	defer server.Close()
	ref := server.Listener.Addr().String() + "/interrupted/push:1"
	ready := func() {
		select {
		case <-putting:
		case <-time.After(time.Minute):
			t.Error("nothing is pushed")
		}
	}
	status, said := interrupt(t, ready, []syscall.Signal{syscall.SIGINT}, "nerdctl", "wasm", "push", "-q", layout, ref)
	if !status.Signaled() || status.Signal() != syscall.SIGINT || said != "nerdctl wasm: interrupted\n" {
		t.Errorf("%#x: %s", status, said)
	}
}

// TestInterruptKey: given Ctrl-C on a terminal without -t, the guest ends by it, and the
// program that writes its log does not; given Ctrl-C while a component is compiled for -it,
// the start ends at once.
func TestInterruptKey(t *testing.T) {
	name := unique("key")
	term := onTerminal(t, "nerdctl", "wasm", "run", "-q", "-i", "--net", "none", "--name", name, probe(t, "component"), "cat")
	defer try(t, "nerdctl", "rm", "-f", name)
	awaitRunning(t, name)
	term.types("said\n")
	term.shows("said\r\nsaid\r\n")
	term.types("\x03")
	term.ends(130)
	if out := term.output(); strings.Contains(out, "logging program") {
		t.Errorf("the terminal shows %q", out)
	}
	if out := must(t, "nerdctl", "logs", name); out != "said" {
		t.Errorf("the log is %q", out)
	}

	file := filepath.Join(write(t, map[string]string{"guest.wasm": string(neverSeen(guest(t, "probe.component")))}), "guest.wasm")
	starting := onTerminal(t, terminalRun("--rm", file, "cat")...)
	starting.becomesRaw()
	starting.types("\x03")
	starting.endsBy(syscall.SIGINT)
	starting.shows("nerdctl wasm: interrupted")
}
