package lifecycle_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// runcFiles are runc's record of the container c.
func runcFiles(pid int, config string) map[string]string {
	return map[string]string{"state.json": fmt.Sprintf(
		`{"id":"c","init_process_pid":%d,"cgroup_paths":{"pids":"/sys/fs/cgroup/pids/none/such"},"config":%s}`, pid, config)}
}

const runcPrivate = `{"namespaces":[{"type":"NEWNS"},{"type":"NEWPID"}]}`

// Given a first process that waits to be started, it goes on, and the fifo is
// gone.
func TestRuncStart(t *testing.T) {
	root, dir := record(t, runcFiles(os.Getpid(), runcPrivate))
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
	if !do(t, command("runc", root, "start", "c")) {
		t.Fatal("it was left to runc")
	}
	if err := <-wrote; err != nil {
		t.Error(err)
	}
	if !gone(fifo) {
		t.Error("the fifo is there")
	}
	if do(t, command("runc", root, "start", "c")) {
		t.Error("it was started twice")
	}
}

// Given a first process that has died, runc says so.
func TestRuncStartOfDead(t *testing.T) {
	root, dir := record(t, runcFiles(ended, runcPrivate))
	if do(t, command("runc", root, "start", "c")) {
		t.Error("a dead process was started")
	}
	if gone(filepath.Join(dir, "exec.fifo")) {
		t.Error("the fifo is gone")
	}
}

// Given a hook that wants to know of the start, runc is to run it.
func TestRuncStartWithHook(t *testing.T) {
	root, _ := record(t, runcFiles(os.Getpid(), `{"namespaces":[{"type":"NEWPID"}],"Hooks":{"poststart":[{"path":"/h"}]}}`))
	if do(t, command("runc", root, "start", "c")) {
		t.Error("the hook was forgotten")
	}
}

// What runc made for an ordinary container that has ended is removed; all
// else is left as it is, for runc.
func TestRuncDelete(t *testing.T) {
	for _, c := range []struct {
		name   string
		pid    int
		config string
		done   bool
	}{
		{"an ordinary one", ended, runcPrivate, true},
		{"no hooks", ended, `{"namespaces":[{"type":"NEWPID"}],"Hooks":{"createRuntime":[{"path":"/h"}],"poststop":null}}`, true},
		{"one that lives", os.Getpid(), runcPrivate, false},
		{"the host's pid namespace", ended, `{"namespaces":[{"type":"NEWNS"}]}`, false},
		{"another's pid namespace", ended, `{"namespaces":[{"type":"NEWPID","path":"/proc/1/ns/pid"}]}`, false},
		{"systemd's cgroup", ended, `{"namespaces":[{"type":"NEWPID"}],"cgroups":{"systemd":true}}`, false},
		{"a hook after it", ended, `{"namespaces":[{"type":"NEWPID"}],"Hooks":{"poststop":[{"path":"/h"}]}}`, false},
		{"cache allocation", ended, `{"namespaces":[{"type":"NEWPID"}],"intel_rdt":{}}`, false},
		{"a damaged record", ended, `[]`, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			root, dir := record(t, runcFiles(c.pid, c.config))
			if done := do(t, command("runc", root, "delete", "c")); done != c.done {
				t.Errorf("done: %t", done)
			}
			if gone(dir) != c.done {
				t.Errorf("runc's directory is gone: %t", gone(dir))
			}
		})
	}
}

// A cgroup path that leads elsewhere is not removed.
func TestRuncDeleteKeepsToCgroups(t *testing.T) {
	root, dir := record(t, runcFiles(ended, runcPrivate))
	victim := filepath.Join(root, "victim")
	if err := os.Mkdir(victim, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{victim, "/sys/fs/cgroup/../../.." + victim} {
		text := fmt.Sprintf(`{"id":"c","init_process_pid":%d,"cgroup_paths":{"":%q},"config":%s}`, ended, path, runcPrivate)
		if err := os.WriteFile(filepath.Join(dir, "state.json"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if do(t, command("runc", root, "delete", "c")) {
			t.Errorf("%s was taken for a cgroup", path)
		}
		if gone(victim) {
			t.Fatal("it was removed")
		}
	}
}
