package e2e

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// interrupt runs a command, sends it signals after a time, and returns how it ended and
// what it said.
func interrupt(t *testing.T, after time.Duration, signals []syscall.Signal, args ...string) (syscall.WaitStatus, string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(after)
	for _, signal := range signals {
		_ = cmd.Process.Signal(signal) // it may have ended
	}
	_ = cmd.Wait()
	return cmd.ProcessState.Sys().(syscall.WaitStatus), said.String()
}

// TestInterruptedRun: given a signal, or two, at any moment of a run before there is a
// guest, the process ends by that signal, which ends a shell's loop, and nothing is left
// of the container; from then on the signal is the guest's.
func TestInterruptedRun(t *testing.T) {
	ref, namespace := probe(t, "component"), unique("interrupted")
	defer removeNamespace(t, namespace)
	base := []string{"nerdctl", "--namespace", namespace, "wasm"}
	must(t, append(base, "run", "-q", "--rm", "--net", "none", ref, "args")...)
	file := filepath.Join(write(t, map[string]string{"guest.wasm": string(guest(t, "probe.component"))}), "guest.wasm")
	for after := 20 * time.Millisecond; after < 300*time.Millisecond; after += 35 * time.Millisecond {
		for _, c := range []struct {
			signals []syscall.Signal
			what    string
		}{
			{[]syscall.Signal{syscall.SIGTERM}, ref},
			{[]syscall.Signal{syscall.SIGINT, syscall.SIGINT}, ref},
			{[]syscall.Signal{syscall.SIGTERM}, file},
		} {
			name := unique("interrupted")
			status, said := interrupt(t, after, c.signals, append(base, "run", "--rm", "--net", "none", "--name", name, c.what, "sleep", "60")...)
			signal := c.signals[0]
			switch {
			case status.Signaled() && status.Signal() == signal && (said == "" || said == "nerdctl wasm: interrupted\n"):
			case status.ExitStatus() == 128+int(signal): // the guest's
			default:
				t.Errorf("%s after %s: %#x: %s", signal, after, status, said)
			}
			for _, list := range [][]string{{"containers"}, {"tasks"}, {"leases"}} {
				if out := must(t, "ctr", "-n", namespace, list[0], "ls", "-q"); out != "" {
					t.Fatalf("%s after %s leaves %s: %s", signal, after, list[0], out)
				}
			}
			if left, err := filepath.Glob(filepath.Join(os.Getenv("SANDBOX_DIR"), "data/nerdctl/*/containers", namespace, "*")); err != nil || len(left) > 0 {
				t.Fatalf("%s after %s leaves %s, %v", signal, after, left, err)
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
		// What has to be compiled takes a while to start.
		file := filepath.Join(write(t, map[string]string{"guest.wasm": string(neverSeen(guest(t, "probe.component")))}), "guest.wasm")
		name := unique("unstarted")
		args := append(append(append(base, "run", "--net", "none", "--name", name), flags...), file, "sleep", "60")
		status, said := interrupt(t, 400*time.Millisecond, []syscall.Signal{syscall.SIGTERM}, args...)
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
	name := unique("hangup")
	defer try(t, "nerdctl", "rm", "-f", name)
	run := "nerdctl wasm run -q --rm --net none --name " + name + " " + probe(t, "component") + " sleep 60"
	hangup, end := syscall.SIGHUP, syscall.SIGTERM
	// What ignores it, as nohup does, has what it starts ignore it; what handles it does not.
	handled := make(chan os.Signal, 1)
	signal.Notify(handled, hangup)
	defer signal.Stop(handled)
	if status, said := interrupt(t, 50*time.Millisecond, []syscall.Signal{hangup}, "sh", "-c", "exec "+run); !status.Signaled() || said != "" && said != "nerdctl wasm: interrupted\n" {
		t.Errorf("in the beginning: %#x: %s", status, said)
	}
	if out := must(t, "nerdctl", "ps", "-aq", "--filter", "name="+name); out != "" {
		t.Errorf("%s is left", out)
	}
	if status, said := interrupt(t, 5*time.Second, []syscall.Signal{hangup}, "sh", "-c", "exec "+run); status.ExitStatus() != 128+int(hangup) {
		t.Errorf("when the guest runs: %#x: %s", status, said)
	}
	if status, said := interrupt(t, 5*time.Second, []syscall.Signal{hangup, end}, "sh", "-c", "trap '' HUP; exec "+run); status.ExitStatus() != 128+int(end) {
		t.Errorf("with nohup: %#x: %s", status, said)
	}
}

// TestInterruptedPush: given a push that is interrupted, it says so, and nothing of the
// request that was under way.
func TestInterruptedPush(t *testing.T) {
	layout := build{builder: buildkitBuilder(), dir: example("greet")}.layout(t)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.Method {
		case http.MethodPost:
			w.Header().Set("Location", r.URL.Path+"one")
			w.WriteHeader(http.StatusAccepted)
		case http.MethodPut: // whose answer does not come
			_, _ = io.Copy(io.Discard, r.Body)
			<-r.Context().Done()
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	defer server.Close()
	ref := server.Listener.Addr().String() + "/interrupted/push:1"
	status, said := interrupt(t, time.Second, []syscall.Signal{syscall.SIGINT}, "nerdctl", "wasm", "push", "-q", layout, ref)
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
	eventually(t, 60*time.Second, "that the container runs", func() bool {
		return strings.TrimSpace(try(t, "nerdctl", "inspect", "--format", "{{.State.Status}}", name).stdout) == "running"
	})
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
