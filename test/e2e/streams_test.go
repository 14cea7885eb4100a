package e2e

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// TestSlowReader: given a reader that takes its time, 100 MB of output arrive
// whole.
func TestSlowReader(t *testing.T) {
	const size = 100 << 20
	file := filepath.Join(t.TempDir(), "big")
	out, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	want := sha256.New()
	if _, err := io.CopyN(io.MultiWriter(out, want), pattern{}, size); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	line := wasmRun("--net", "none", "-v", file+":/big:ro", probe(t, "component"), "read", "/big")
	cmd := exec.CommandContext(t.Context(), line[0], line[1:]...)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	got, n := sha256.New(), int64(0)
	for {
		read, err := io.CopyN(got, stdout, 8<<20)
		n += read
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(100 * time.Millisecond)
	}
	if err := cmd.Wait(); err != nil || n != size || string(got.Sum(nil)) != string(want.Sum(nil)) {
		t.Errorf("%d bytes of %d, %v", n, size, err)
	}
}

// TestLastOutputIsRead: given a reader that begins when the guest has ended,
// everything arrives through each client, of run and of exec, though ctr and
// nerdctl stop reading when they hear of an end.
func TestLastOutputIsRead(t *testing.T) {
	const size = 200_000 // fits into the pipes on the way
	note := filepath.Join(t.TempDir(), "note")
	if err := os.WriteFile(note, make([]byte, size), 0o644); err != nil {
		t.Fatal(err)
	}
	ref, mount := probe(t, "component"), []string{"-v", note + ":/note:ro"}
	lines := map[string][]string{"exec": {"nerdctl", "wasm", "exec", sleepingIn(t, ref, mount...), "guest", "read", "/note"}}
	for _, c := range clients {
		c.pull(t, ref)
		lines[c.name] = c.run(ref, mount, "read", "/note")
	}
	for name, line := range lines {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cmd := exec.CommandContext(t.Context(), line[0], line[1:]...)
			stdout, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadFull(stdout, make([]byte, 1)); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
			rest, err := io.ReadAll(stdout)
			if err = errors.Join(err, cmd.Wait()); err != nil || len(rest) != size-1 {
				t.Errorf("%d bytes of %d, %v", 1+len(rest), size, err)
			}
		})
	}
}

// pattern is bytes without an end.
type pattern struct{}

func (pattern) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(i * 7)
	}
	return len(p), nil
}

// TestReaderGoesAway: given a reader that stops in the middle, run ends soon,
// and leaves nothing behind.
func TestReaderGoesAway(t *testing.T) {
	name := unique("gone")
	line := strings.Join(wasmRun("--net", "none", "--name", name, "-i", probe(t, "component"), "cat"), " ")
	start := time.Now()
	if r := try(t, "sh", "-c", "yes | "+line+" | head -c 1000 >/dev/null"); r.code != 0 {
		t.Errorf("exit code %d: %s", r.code, r.all())
	}
	if took := time.Since(start); took > 20*time.Second {
		t.Errorf("it took %s", took)
	}
	eventually(t, 10*time.Second, "that the container is removed", func() bool {
		return try(t, "nerdctl", "ps", "-aq", "--filter", "name="+name).stdout == ""
	})
}

// TestReaderIsGone: given a reader that is gone when a guest starts to print, nothing is
// left either, as often as it is tried.
func TestReaderIsGone(t *testing.T) {
	name := unique("unread")
	line := strings.Join(wasmRun("--net", "none", "--name", name, probe(t, "component"), "echo", "unread"), " ")
	for range 20 {
		must(t, "sh", "-c", line+" | true")
		eventually(t, 10*time.Second, "that the container is removed", func() bool {
			return try(t, "nerdctl", "ps", "-aq", "--filter", "name="+name).stdout == ""
		})
	}
}

// TestReaderOfProgressIsGone: given a reader of a command's progress that is gone, the
// command ends as others do, and leaves no temporary files.
func TestReaderOfProgressIsGone(t *testing.T) {
	tmp := t.TempDir()
	line := "nerdctl wasm build --no-cache -t local/" + unique("unread") + " " + example("greet")
	r := command{args: []string{"bash", "-c", line + " 2>&1 | true; exit ${PIPESTATUS[0]}"}, env: []string{"TMPDIR=" + tmp}}.run(t)
	if r.code != 128+int(syscall.SIGPIPE) {
		t.Errorf("exit code %d: %s", r.code, r.all())
	}
	if left, err := os.ReadDir(tmp); err != nil || len(left) > 0 {
		t.Errorf("%v, %v are left", left, err)
	}
}

// TestOutputIsLost: given a standard output that takes nothing, a command fails and says
// why, also when it has done what it had to.
func TestOutputIsLost(t *testing.T) {
	ref, name := probe(t, "component"), unique("lost")
	defer try(t, "nerdctl", "rm", "-f", name)
	for _, line := range []string{
		"wasm version",
		"wasm pull -q " + ref,
		"wasm push -q " + ref,
		"wasm build -q -t local/" + name + " " + example("greet"),
		"wasm run --rm --net none " + ref + " echo x",
		"wasm run --rm --net none -i " + ref + " cat </dev/zero",
		"wasm run -d --net none --name " + name + " " + ref + " sleep 60",
	} {
		fails(t, []string{"nerdctl wasm: ", "no space left on device\n"}, "sh", "-c", "nerdctl "+line+" >/dev/full")
	}
}

// TestProgressWithoutScreen: given a terminal on which nothing can be drawn over, or of
// which the width is not known, a pull writes a line for each blob; given NO_COLOR, bars
// have no colors.
func TestProgressWithoutScreen(t *testing.T) {
	ref := probe(t, "component")
	for line, escapes := range map[string]string{
		"TERM=dumb nerdctl wasm pull " + ref:                  "\x1b",
		"TERM=xterm nerdctl wasm pull " + ref + " </dev/null": "\x1b",
		"TERM=xterm NO_COLOR=1 nerdctl wasm pull " + ref:      "m",
	} {
		term := onTerminal(t, "sh", "-c", line)
		term.ends(0)
		term.shows(ref + "@sha256:")
		if escapes == "m" {
			term.shows("|++++")
			escapes = "\x1b[32m"
		}
		if strings.Contains(term.output(), escapes) {
			t.Errorf("%s: the terminal gets %q", line, term.output())
		}
	}
}

// TestStdinClosed: given a standard input that is closed, or ends before the
// guest starts, the guest sees its end.
func TestStdinClosed(t *testing.T) {
	run := strings.Join(wasmRun("--net", "none", "-i", probe(t, "component"), "cat"), " ")
	for line, want := range map[string]string{run + " <&-": "", run + " </dev/null": "", "true | " + run: "", "printf x | " + run: "x"} {
		if r := try(t, "timeout", "60", "sh", "-c", line); r.code != 0 || r.stdout != want {
			t.Errorf("%s: exit code %d: %s", line, r.code, r.all())
		}
	}
}

// TestManyRuns: given 200 runs of one artifact at once, all succeed, each with
// its own output, and nothing is left.
func TestManyRuns(t *testing.T) {
	onlyBy(t, "test-scale")
	const count = 200
	ref := probe(t, "component")
	namespace := unique("many")
	defer removeNamespace(t, namespace)
	_, wasm := inNamespace(namespace)
	must(t, append(wasm, "pull", "-q", ref)...)
	var group sync.WaitGroup
	for i := range count {
		group.Go(func() {
			want := fmt.Sprintf("run %d\n", i)
			args := append(append([]string{}, wasm...), "run", "--rm", "--net", "none", ref, "echo", "run", fmt.Sprint(i))
			if r := try(t, args...); r.code != 0 || r.stdout != want {
				t.Errorf("run %d: exit code %d, %q, %q", i, r.code, r.stdout, r.stderr)
			}
		})
	}
	group.Wait()
	must(t, "ctr", "-n", namespace, "images", "rm", "--sync", ref)
	eventually(t, 20*time.Second, "that the garbage is collected", func() bool {
		return try(t, "ctr", "-n", namespace, "content", "ls", "-q").stdout == ""
	})
	nothingLeft(t, namespace)
}
