package lifecycle_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/containerd/go-runc"
	"golang.org/x/sys/unix"

	"github.com/wasmfile/wasmfile/shim/lifecycle"
)

// runcs counts the commands that are left to runc.
type runcs struct{ ran int }

func (r *runcs) Start(*exec.Cmd) (chan runc.Exit, error) {
	r.ran++
	return nil, errors.New("runc was started")
}

func (r *runcs) StartLocked(cmd *exec.Cmd) (chan runc.Exit, error) { return r.Start(cmd) }

func (r *runcs) Wait(*exec.Cmd, chan runc.Exit) (int, error) {
	return 0, errors.New("runc was waited for")
}

// gone is the number of a process that was, and is not any more.
func gone(t *testing.T) int {
	t.Helper()
	cmd := exec.Command("/proc/self/exe", "-test.run", "^$")
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	return cmd.Process.Pid
}

// record makes runc's directory of the container c, with a fifo, and returns
// runc's root and that directory.
func record(t *testing.T, pid int, config string) (root, dir string) {
	t.Helper()
	root = t.TempDir()
	dir = filepath.Join(root, "c")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf(`{"id":"c","init_process_pid":%d,"cgroup_paths":{"pids":"/sys/fs/cgroup/pids/none/such"},"config":%s}`, pid, config)
	if err := os.WriteFile(filepath.Join(dir, "state.json"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mkfifo(filepath.Join(dir, "exec.fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	return root, dir
}

// command is what go-runc runs.
func command(root string, words ...string) *exec.Cmd {
	return exec.Command("runc", append([]string{"--root", root, "--log", "/l", "--log-format", "json"}, words...)...)
}

// do has a command done for the container c, and reports whether it was done
// without runc.
func do(t *testing.T, cmd *exec.Cmd) bool {
	t.Helper()
	left := &runcs{}
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

const private = `{"namespaces":[{"type":"NEWNS"},{"type":"NEWPID"}]}`

// Given a first process that waits to be started, it goes on, and the fifo is
// gone.
func TestStart(t *testing.T) {
	root, dir := record(t, os.Getpid(), private)
	fifo := filepath.Join(dir, "exec.fifo")
	wrote := make(chan error)
	go func() {
		f, err := os.OpenFile(fifo, os.O_WRONLY, 0)
		if err == nil {
			_, err = f.Write([]byte("0"))
			err = errors.Join(err, f.Close())
		}
		wrote <- err
	}()
	if !do(t, command(root, "start", "c")) {
		t.Fatal("it was left to runc")
	}
	if err := <-wrote; err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(fifo); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the fifo is there: %v", err)
	}
	if do(t, command(root, "start", "c")) {
		t.Error("it was started twice")
	}
}

// Given a first process that has died, runc says so.
func TestStartOfDead(t *testing.T) {
	root, dir := record(t, gone(t), private)
	if do(t, command(root, "start", "c")) {
		t.Error("a dead process was started")
	}
	if _, err := os.Lstat(filepath.Join(dir, "exec.fifo")); err != nil {
		t.Error(err)
	}
}

// What runc made for an ordinary container that has ended is removed; all
// else is left as it is, for runc.
func TestDelete(t *testing.T) {
	dead := gone(t)
	for _, c := range []struct {
		name   string
		pid    int
		config string
		done   bool
	}{
		{"an ordinary one", dead, private, true},
		{"no hooks", dead, `{"namespaces":[{"type":"NEWPID"}],"Hooks":{"createRuntime":[{"path":"/h"}],"poststop":null}}`, true},
		{"one that lives", os.Getpid(), private, false},
		{"the host's pid namespace", dead, `{"namespaces":[{"type":"NEWNS"}]}`, false},
		{"another's pid namespace", dead, `{"namespaces":[{"type":"NEWPID","path":"/proc/1/ns/pid"}]}`, false},
		{"systemd's cgroup", dead, `{"namespaces":[{"type":"NEWPID"}],"cgroups":{"systemd":true}}`, false},
		{"a hook after it", dead, `{"namespaces":[{"type":"NEWPID"}],"Hooks":{"poststop":[{"path":"/h"}]}}`, false},
		{"cache allocation", dead, `{"namespaces":[{"type":"NEWPID"}],"intel_rdt":{}}`, false},
		{"a damaged record", dead, `[]`, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			root, dir := record(t, c.pid, c.config)
			if done := do(t, command(root, "delete", "c")); done != c.done {
				t.Errorf("done: %t", done)
			}
			if _, err := os.Lstat(dir); errors.Is(err, fs.ErrNotExist) != c.done {
				t.Errorf("runc's directory: %v", err)
			}
		})
	}
}

// A cgroup path that leads elsewhere is not removed.
func TestDeleteKeepsToCgroups(t *testing.T) {
	root, dir := record(t, gone(t), private)
	victim := filepath.Join(root, "victim")
	if err := os.Mkdir(victim, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{victim, "/sys/fs/cgroup/../../.." + victim} {
		text := fmt.Sprintf(`{"id":"c","init_process_pid":%d,"cgroup_paths":{"":%q},"config":%s}`, gone(t), path, private)
		if err := os.WriteFile(filepath.Join(dir, "state.json"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if do(t, command(root, "delete", "c")) {
			t.Errorf("%s was taken for a cgroup", path)
		}
		if _, err := os.Lstat(victim); err != nil {
			t.Fatal(err)
		}
	}
}

// Commands of other containers, other verbs, other flags and other runtimes
// are runc's.
func TestLeftToRunc(t *testing.T) {
	root, _ := record(t, gone(t), private)
	for _, cmd := range []*exec.Cmd{
		command(root, "delete", "native"),
		command(root, "delete", "--force", "c"),
		command(root, "kill", "c", "9"),
		command(root, "delete", ".."),
		command("relative", "delete", "c"),
		command(root, "--systemd-cgroup", "delete", "c"),
		exec.Command("crun", "--root", root, "delete", "c"),
		exec.Command("runc", "delete", "c"),
		exec.Command("runc"),
	} {
		if do(t, cmd) {
			t.Errorf("%q was not left to runc", cmd.Args)
		}
	}
}
