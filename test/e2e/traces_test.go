package e2e

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// untimed runs a command for cleaning up, which the end of a test is not to
// stop.
func untimed(args ...string) ([]byte, error) {
	return exec.Command(args[0], args[1:]...).CombinedOutput()
}

// traces are what is left on the machine that has one of the names, such as
// containers' IDs, in it: shims, mounts, cgroups, runc's records and network
// namespaces, one a line.
func traces(t *testing.T, names []string) []string {
	t.Helper()
	return tracesOf(t, "self", names)
}

// tracesOf is traces with the mounts that a process sees.
func tracesOf(t *testing.T, process string, names []string) []string {
	t.Helper()
	var found []string
	note := func(kind, text string) {
		if slices.ContainsFunc(names, func(name string) bool { return strings.Contains(text, name) }) {
			found = append(found, kind+" "+text)
		}
	}
	processes, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range processes {
		text, _ := os.ReadFile(path) // It may have ended.
		if words := strings.Split(string(text), "\x00"); strings.HasPrefix(filepath.Base(words[0]), "containerd-shim-") {
			note("process", strings.Join(words, " "))
		}
	}
	mounts, err := os.ReadFile("/proc/" + process + "/mounts")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(mounts)) {
		note("mount", strings.TrimSpace(line))
	}
	err = filepath.WalkDir("/sys/fs/cgroup", func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() {
			note("cgroup", path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, pattern := range []string{"/run/containerd/runc/*/*", "/run/netns/*", "/var/run/netns/*"} {
		paths, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			note("file", path)
		}
	}
	return found
}
