package lifecycle

import (
	"math"
	"os"
	"path/filepath"
	"strconv"
	"testing"
)

// A process is moved to where it is, and nowhere else.
func TestMoveToItself(t *testing.T) {
	pid := strconv.Itoa(os.Getpid())
	for name, test := range map[string]struct {
		cgroups string
		// files has what lists processes, and written the one that is written to.
		files   map[string]string
		written string
	}{
		"version 1": {
			"9:name=systemd:/gone\n8:pids:/a/b\n0::/\n",
			map[string]string{"pids/a/b": "1\n" + pid + "\n"},
			"pids/a/b",
		},
		"version 1, a name": {
			"9:name=systemd:/a\n8:pids:/a\n",
			map[string]string{"systemd/a": pid + "\n", "pids/a": pid + "\n"},
			"systemd/a",
		},
		"version 2": {
			"0::/system.slice/containerd.service\n",
			map[string]string{"system.slice/containerd.service": pid + "\n", "system.slice": ""},
			"system.slice/containerd.service",
		},
		"a path with a colon": {"0::/a:b\n", map[string]string{"a:b": pid + "\n"}, "a:b"},
		"another namespace's": {"0::/a\n", map[string]string{"a": "1" + pid + "\n"}, ""},
		"not mounted":         {"0::/a\n", nil, ""},
		"outside":             {"0::/../b\n", map[string]string{"a": pid + "\n"}, ""},
		"not a line":          {"cgroups\n", nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			mount := t.TempDir()
			for dir, content := range test.files {
				if err := os.MkdirAll(filepath.Join(mount, dir), 0o700); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(mount, dir, "cgroup.procs"), []byte("\n"+content), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if err := moveToItself(mount, test.cgroups); (err == nil) != (test.written != "") {
				t.Error(err)
			}
			for dir, content := range test.files {
				want := "\n" + content
				if dir == test.written {
					want = pid + want[len(pid):]
				}
				if got, err := os.ReadFile(filepath.Join(mount, dir, "cgroup.procs")); err != nil || string(got) != want {
					t.Errorf("%s: %q, %v", dir, got, err)
				}
			}
		})
	}
}

// Nothing changes for the process.
func TestExpectMove(t *testing.T) {
	before, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		t.Skip("no cgroups")
	}
	if err := moveToItself(cgroupMount, string(before)); err != nil {
		t.Log(err) // It takes rights, and a file system of cgroups that can be written to.
	}
	if after, err := os.ReadFile("/proc/self/cgroup"); err != nil || string(after) != string(before) {
		t.Errorf("from %q to %q, %v", before, after, err)
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
