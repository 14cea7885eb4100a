package e2e

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// inventory is all that a containerd, its shims and its containers have on the
// machine, one thing a line: processes by their names, whatever their numbers,
// mounts, what containerd knows (content, snapshots, leases, containers), files,
// and the socket of one container's shim. (Those of shims that are killed while they
// start or end stay, as they do of runc's.)
func (c *ownContainerd) inventory(id string) []string {
	c.t.Helper()
	found := c.processes()
	for line := range strings.Lines(readFile(c.t, "/proc/self/mounts")) {
		if strings.Contains(line, c.dir) {
			found = append(found, "mount "+strings.TrimSpace(line))
		}
	}
	for _, list := range [][]string{{"content", "ls", "-q"}, {"snapshots", "ls"}, {"leases", "ls", "-q"}, {"containers", "ls", "-q"}} {
		for line := range strings.Lines(must(c.t, c.ctr(list...)...)) {
			found = append(found, list[0]+" "+strings.TrimSpace(line))
		}
	}
	err := filepath.WalkDir(c.dir, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return nil // It is gone by now.
		case entry.IsDir() && (entry.Name() == "fs" || entry.Name() == "rootfs"):
			return fs.SkipDir // an image's own
		}
		found = append(found, "file "+path)
		return nil
	})
	if err != nil {
		c.t.Fatal(err)
	}
	// The name of a shim's socket is containerd's choice.
	socket := sha256.Sum256([]byte(filepath.Join(c.address, "default", id)))
	if _, err := os.Stat(fmt.Sprintf("/run/containerd/s/%x", socket)); err == nil {
		found = append(found, "socket of "+id)
	}
	return found
}

// processes are those that have a directory of the containerd's in their
// arguments, their environment or their root.
func (c *ownContainerd) processes() (found []string) {
	c.t.Helper()
	processes, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		c.t.Fatal(err)
	}
	for _, process := range processes {
		// What cannot be read has ended.
		arguments, _ := os.ReadFile(filepath.Join(process, "cmdline"))
		environment, _ := os.ReadFile(filepath.Join(process, "environ"))
		mounts, _ := os.ReadFile(filepath.Join(process, "mountinfo"))
		root, _, _ := bytes.Cut(mounts, []byte("\n"))
		if bytes.Contains(slices.Concat(arguments, environment, root), []byte(c.dir)) {
			name, _ := os.ReadFile(filepath.Join(process, "comm"))
			found = append(found, "process "+strings.TrimSpace(string(name)))
		}
	}
	return found
}
