package lifecycle

import (
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
)

// The cgroup of version 2 that the process is in is asked to take it, and no other file
// is written to.
func TestMoveToItself(t *testing.T) {
	for name, test := range map[string]struct {
		cgroups string
		// files are there, and written is the one of them that is written to.
		files   []string
		written string
	}{
		"version 2": {
			"0::/system.slice/containerd.service\n",
			[]string{"system.slice/containerd.service/cgroup.threads", "system.slice/containerd.service/cgroup.procs", "system.slice/cgroup.threads"},
			"system.slice/containerd.service/cgroup.threads",
		},
		"the root":            {"0::/\n", []string{"cgroup.threads", "cgroup.procs", "a/cgroup.threads"}, "cgroup.threads"},
		"both versions":       {"8:pids:/a\n0::/b\n", []string{"pids/a/tasks", "pids/a/cgroup.procs", "unified/b/cgroup.threads"}, "unified/b/cgroup.threads"},
		"version 1":           {"9:name=systemd:/a\n8:pids:/a\n", []string{"systemd/a/tasks", "pids/a/tasks", "pids/a/cgroup.procs"}, ""},
		"version 2 elsewhere": {"8:pids:/a\n0::/\n", []string{"pids/a/tasks", "pids/a/cgroup.procs"}, ""},
		"before Linux 4.14":   {"0::/a\n", []string{"a/cgroup.procs"}, ""},
		"a path with a colon": {"0::/a:b\n", []string{"a:b/cgroup.threads"}, "a:b/cgroup.threads"},
		"a removed cgroup":    {"0::/a (deleted)\n", []string{"a/cgroup.threads"}, ""},
		"not a line":          {"cgroups\n", []string{"cgroup.threads"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			mount := filepath.Join(t.TempDir(), "cgroup")
			for _, file := range test.files {
				if err := errors.Join(os.MkdirAll(filepath.Dir(filepath.Join(mount, file)), 0o700), os.WriteFile(filepath.Join(mount, file), nil, 0o600)); err != nil {
					t.Fatal(err)
				}
			}
			if err := moveToItself([]string{mount, filepath.Join(mount, "unified")}, test.cgroups); (err == nil) != (test.written != "") {
				t.Error(err)
			}
			for _, file := range test.files {
				want := ""
				if file == test.written {
					want = strconv.Itoa(os.Getpid())
				}
				if got, err := os.ReadFile(filepath.Join(mount, file)); err != nil || string(got) != want {
					t.Errorf("%s: %q, %v", file, got, err)
				}
			}
		})
	}
}

// Nothing changes for the process, whether it can be moved or not.
func TestMoveIsNone(t *testing.T) {
	before, err := os.ReadFile("/proc/self/cgroup")
	if errors.Is(err, fs.ErrNotExist) {
		return // a kernel without cgroups
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := moveToItself(unifiedMounts, string(before)); err != nil {
		t.Log(err) // It takes rights, and a file system of cgroups that can be written to.
	}
	if after, err := os.ReadFile("/proc/self/cgroup"); err != nil || string(after) != string(before) {
		t.Errorf("from %q to %q, %v", before, after, err)
	}
}

// Given a cgroup that the process is not in, the kernel refuses.
func TestMoveElsewhere(t *testing.T) {
	before, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		t.Log(err)
		return
	}
	for _, mount := range unifiedMounts {
		if _, err := os.Stat(filepath.Join(mount, "cgroup.threads")); err != nil {
			continue
		}
		other, err := os.MkdirTemp(mount, "wasmfile-test-")
		if err != nil {
			t.Log(err) // It takes rights.
			continue
		}
		defer os.Remove(other)
		if err := moveToItself([]string{mount}, "0::/"+filepath.Base(other)+"\n"); !errors.Is(err, unix.EOPNOTSUPP) {
			t.Errorf("the kernel says %v", err)
		}
		if after, err := os.ReadFile("/proc/self/cgroup"); err != nil || string(after) != string(before) {
			t.Errorf("from %q to %q, %v", before, after, err)
		}
	}
}

func TestRunning(t *testing.T) {
	for loadavg, want := range map[string]int{
		"0.20 0.18 0.12 1/80 11206\n": 1,
		"93.1 80.0 70.2 120/900 7\n":  120,
		"0.20 0.18 0.12 much 11206\n": math.MaxInt,
		"":                            math.MaxInt,
	} {
		if got := running(loadavg); got != want {
			t.Errorf("%q: %d run, not %d", loadavg, got, want)
		}
	}
}
