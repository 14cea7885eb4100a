package lifecycle_test

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/containerd/go-runc"
	"golang.org/x/sys/unix"

	"github.com/wasmfile/wasmfile/shim/lifecycle"
)

// processes counts the commands that are left to a runtime.
type processes struct{ ran int }

func (p *processes) Start(*exec.Cmd) (chan runc.Exit, error) {
	p.ran++
	return nil, errors.New("a runtime was started")
}

func (p *processes) StartLocked(cmd *exec.Cmd) (chan runc.Exit, error) { return p.Start(cmd) }

func (p *processes) Wait(*exec.Cmd, chan runc.Exit) (int, error) {
	return 0, errors.New("a runtime was waited for")
}

// ended stands for the number of a process that has ended. The kernel gives none that
// high (PID_MAX_LIMIT), so that no other process gets it meanwhile.
const ended = 1<<22 + 1

// record makes a runtime's directory of the container c, with a fifo and these
// files, and returns the runtime's root and that directory.
func record(t *testing.T, files map[string]string) (root, dir string) {
	t.Helper()
	root = t.TempDir()
	dir = filepath.Join(root, "c")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := unix.Mkfifo(filepath.Join(dir, "exec.fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	return root, dir
}

// command is what go-runc runs.
func command(runtime, root string, words ...string) *exec.Cmd {
	return exec.Command(runtime, append([]string{"--root", root, "--log", "/l", "--log-format", "json"}, words...)...)
}

// do has a command done for the container c, and reports whether it was done
// without a process.
func do(t *testing.T, cmd *exec.Cmd) bool {
	t.Helper()
	left := &processes{}
	m := lifecycle.Monitor{ProcessMonitor: left, Ours: func(id string) bool { return id == "c" }}
	exits, err := m.StartLocked(cmd)
	if left.ran > 0 {
		return false
	}
	if err != nil {
		t.Fatal(err)
	}
	if status, err := m.Wait(cmd, exits); status != 0 || err != nil {
		t.Fatalf("%q ends with %d, %v", cmd.Args, status, err)
	}
	return true
}

// gone reports whether a file is not there.
func gone(path string) bool {
	_, err := os.Lstat(path)
	return errors.Is(err, fs.ErrNotExist)
}

// Commands of other containers, other verbs, other flags and other runtimes
// are processes, and so is what concerns a container of another runtime.
func TestLeftToRuntime(t *testing.T) {
	runcRoot, _ := record(t, runcFiles(ended, runcPrivate))
	crunRoot, _ := record(t, crunFiles(ended, "", crunPrivate))
	for _, cmd := range []*exec.Cmd{
		command("runc", runcRoot, "delete", "native"),
		command("runc", runcRoot, "delete", "--force", "c"),
		command("runc", runcRoot, "kill", "c", "9"),
		command("runc", runcRoot, "delete", ".."),
		command("runc", "relative", "delete", "c"),
		command("runc", runcRoot, "--systemd-cgroup", "delete", "c"),
		command("runc", crunRoot, "delete", "c"),
		command("crun", crunRoot, "delete", "native"),
		command("crun", crunRoot, "delete", "--force", "c"),
		command("crun", runcRoot, "delete", "c"),
		command("youki", runcRoot, "delete", "c"),
		exec.Command("runc", "delete", "c"),
		exec.Command("runc"),
	} {
		if do(t, cmd) {
			t.Errorf("%q was not left to a process", cmd.Args)
		}
	}
}
