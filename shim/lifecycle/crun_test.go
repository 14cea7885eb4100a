package lifecycle_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// crunFiles are crun's files of the container c; more are further fields of its
// record.
func crunFiles(pid int, more, config string) map[string]string {
	return map[string]string{
		"status": fmt.Sprintf(`{"pid": %d, "process-start-time": 1, "cgroup-path": "/none/such", "scope": "",
			"rootfs": "/r", "systemd-cgroup": false, "bundle": "/b", "created": "2026-01-01T00:00:00.000000Z",
			"owner": "root", "detached": true, "external_descriptors": "[]"%s}`, pid, more),
		"config.json": config,
	}
}

const crunPrivate = `{"linux":{"namespaces":[{"type":"mount"},{"type":"pid"}]}}`

// Given a first process that waits to be started, it goes on, and the fifo is
// gone.
func TestCrunStart(t *testing.T) {
	root, dir := record(t, crunFiles(os.Getpid(), "", crunPrivate))
	path := filepath.Join(dir, "exec.fifo")
	fifo, err := unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fifo)
	if !do(t, command("crun", root, "start", "c")) {
		t.Fatal("it was left to crun")
	}
	polled := []unix.PollFd{{Fd: int32(fifo), Events: unix.POLLIN}}
	if n, err := unix.Poll(polled, int(time.Minute.Milliseconds())); n != 1 || err != nil {
		t.Fatalf("nothing to read: %v", err)
	}
	var buffer [8]byte
	if n, err := unix.Read(fifo, buffer[:]); n != 1 || err != nil {
		t.Errorf("%d bytes to read: %v", n, err)
	}
	if !gone(path) {
		t.Error("the fifo is there")
	}
	if do(t, command("crun", root, "start", "c")) {
		t.Error("it was started twice")
	}
}

// Given a first process that has died, or a hook that wants to know of the start,
// crun is to say so or to run it.
func TestCrunStartIsCruns(t *testing.T) {
	for name, c := range map[string]struct {
		pid    int
		config string
		opened bool
	}{
		"a dead process":                {ended, crunPrivate, true},
		"one that has another's number": {os.Getpid(), crunPrivate, false},
		"a hook after the start":        {os.Getpid(), `{"hooks":{"poststart":[{"path":"/h"}]}}`, true},
		"a damaged config":              {os.Getpid(), `[]`, true},
		"no config":                     {os.Getpid(), ``, true},
	} {
		t.Run(name, func(t *testing.T) {
			root, dir := record(t, crunFiles(c.pid, "", c.config))
			path := filepath.Join(dir, "exec.fifo")
			if c.opened {
				fifo, err := unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
				if err != nil {
					t.Fatal(err)
				}
				defer unix.Close(fifo)
			}
			if do(t, command("crun", root, "start", "c")) {
				t.Error("it was started")
			}
			if gone(path) {
				t.Error("the fifo is gone")
			}
		})
	}
}

// What crun made for an ordinary container that has ended is removed; all
// else is left as it is, for crun.
func TestCrunDelete(t *testing.T) {
	for _, c := range []struct {
		name         string
		pid          int
		more, config string
		done         bool
	}{
		{"an ordinary one", ended, "", crunPrivate, true},
		{"other hooks", ended, "", `{"hooks":{"createRuntime":[{"path":"/h"}],"poststop":[]},"linux":{"namespaces":[{"type":"pid"}]}}`, true},
		{"one that lives", os.Getpid(), "", crunPrivate, false},
		{"the host's pid namespace", ended, "", `{"linux":{"namespaces":[{"type":"mount"}]}}`, false},
		{"another's pid namespace", ended, "", `{"linux":{"namespaces":[{"type":"pid","path":"/proc/1/ns/pid"}]}}`, false},
		{"a hook after it", ended, "", `{"hooks":{"poststop":[{"path":"/h"}]},"linux":{"namespaces":[{"type":"pid"}]}}`, false},
		{"cache allocation", ended, "", `{"linux":{"namespaces":[{"type":"pid"}],"intelRdt":{}}}`, false},
		{"systemd's cgroup", ended, `, "systemd-cgroup": true`, crunPrivate, false},
		{"systemd's scope", ended, `, "scope": "crun-c.scope"`, crunPrivate, false},
		{"no cgroup", ended, `, "cgroup-path": ""`, crunPrivate, false},
		{"what a newer crun notes", ended, `, "devices": "[]"`, crunPrivate, false},
		{"a damaged record", ended, `,`, crunPrivate, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			root, dir := record(t, crunFiles(c.pid, c.more, c.config))
			if done := do(t, command("crun", root, "delete", "c")); done != c.done {
				t.Errorf("done: %t", done)
			}
			if gone(dir) != c.done {
				t.Errorf("crun's directory is gone: %t", gone(dir))
			}
		})
	}
}

// Given a directory in crun's, which something may be mounted on, it is crun's to
// remove.
func TestCrunDeleteKeepsDirectories(t *testing.T) {
	root, dir := record(t, crunFiles(ended, "", crunPrivate))
	other := filepath.Join(dir, "notify")
	if err := os.Mkdir(other, 0o700); err != nil {
		t.Fatal(err)
	}
	if do(t, command("crun", root, "delete", "c")) || gone(other) {
		t.Error("it was not left to crun")
	}
}
