package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// ownContainerd is a containerd of one test, which may kill it.
type ownContainerd struct {
	t            *testing.T
	dir, address string
	path         string // PATH
	process      *exec.Cmd
}

// startContainerd starts a containerd with the sandbox's configuration, as
// edit changes it, and with path in front of its PATH.
func startContainerd(t *testing.T, path string, edit func(config string) string) *ownContainerd {
	t.Helper()
	c := &ownContainerd{t: t, dir: t.TempDir(), path: path + ":" + os.Getenv("PATH")}
	c.address = filepath.Join(c.dir, "containerd.sock")
	if err := os.WriteFile(filepath.Join(c.dir, "config.toml"), []byte(edit(ownConfig(t, c.dir))), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.end)
	c.start()
	return c
}

// ownConfig is the sandbox's configuration of containerd, for one that keeps its
// state in a directory, and its socket containerd.sock.
func ownConfig(t *testing.T, dir string) string {
	t.Helper()
	text := readFile(t, filepath.Join(os.Getenv("SANDBOX_DIR"), "etc", "containerd.toml"))
	var config []string
	for line := range strings.SplitSeq(text, "\n") {
		switch key, _, _ := strings.Cut(line, " = "); key {
		case "root":
			line = `root = "` + filepath.Join(dir, "root") + `"`
		case "state":
			line = `state = "` + filepath.Join(dir, "state") + `"`
		case "  address":
			line = `  address = "` + filepath.Join(dir, "containerd.sock") + `"`
		}
		config = append(config, line)
	}
	return strings.Join(config, "\n")
}

// unchanged is no edit.
func unchanged(config string) string { return config }

func (c *ownContainerd) start() {
	c.t.Helper()
	log, err := os.OpenFile(filepath.Join(c.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		c.t.Fatal(err)
	}
	defer log.Close()
	c.process = exec.Command("containerd", "--config", filepath.Join(c.dir, "config.toml"))
	c.process.Env = append(os.Environ(), "PATH="+c.path, "TMPDIR="+c.dir)
	c.process.Stdout, c.process.Stderr = log, log
	if err := c.process.Start(); err != nil {
		c.t.Fatal(err)
	}
	eventually(c.t, 30*time.Second, "containerd's start", func() bool {
		return exec.Command("ctr", "--address", c.address, "--connect-timeout", "1s", "version").Run() == nil
	})
}

// kill ends it without a chance to tidy.
func (c *ownContainerd) kill() {
	_ = c.process.Process.Kill()
	_ = c.process.Wait()
}

// end removes what the test left, and fails it for what cannot be removed.
func (c *ownContainerd) end() {
	for _, namespace := range []string{"default", "k8s.io"} {
		ids, _ := exec.Command("ctr", "--address", c.address, "-n", namespace, "containers", "ls", "-q").Output()
		for _, id := range strings.Fields(string(ids)) {
			_, _ = untimed("ctr", "--address", c.address, "-n", namespace, "tasks", "rm", "--force", id)
			if out, err := untimed("ctr", "--address", c.address, "-n", namespace, "containers", "rm", id); err != nil {
				c.t.Errorf("remove container %s: %v: %s", id, err, out)
			}
		}
	}
	_ = c.process.Process.Signal(os.Interrupt)
	_ = c.process.Wait()
	if left := traces(c.t, []string{c.dir}); len(left) > 0 {
		c.t.Errorf("left: %s", strings.Join(left, "\n"))
	}
	if c.t.Failed() {
		logEnd(c.t, filepath.Join(c.dir, "log"))
	}
}

// logEnd logs how a daemon's log ends.
func logEnd(t *testing.T, path string) {
	text, _ := os.ReadFile(path)
	lines := strings.Split(string(text), "\n")
	t.Logf("%s ends with\n%s", path, strings.Join(lines[max(0, len(lines)-20):], "\n"))
}

// ctr is a command line for it.
func (c *ownContainerd) ctr(args ...string) []string {
	return append([]string{"ctr", "--address", c.address}, args...)
}

// crictl is a command line for its CRI.
func (c *ownContainerd) crictl() []string {
	return []string{"crictl", "--runtime-endpoint", "unix://" + c.address, "--image-endpoint", "unix://" + c.address}
}

func (c *ownContainerd) pull(ref string) {
	c.t.Helper()
	must(c.t, c.ctr("images", "pull", "--local", "--plain-http", "--platform", platform(ref), ref)...)
}

// run starts a container and returns the process of its first guest.
func (c *ownContainerd) run(ref, id string, args ...string) (pid string) {
	c.t.Helper()
	must(c.t, append(c.ctr("run", "-d", "--runtime", runtimeName, ref, id), args...)...)
	return c.task(id)[0]
}

// task is the process and the status of a container, nothing when it has no
// task.
func (c *ownContainerd) task(id string) []string {
	c.t.Helper()
	for line := range strings.SplitSeq(must(c.t, c.ctr("tasks", "ls")...), "\n") {
		if words := strings.Fields(line); len(words) == 3 && words[0] == id {
			return words[1:]
		}
	}
	return []string{"", ""}
}
