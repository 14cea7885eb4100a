package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// node is a machine for one test, as far as processes and files go: namespaces in
// which /etc, /usr/local and /var/lib are its own, and containerd is not told of the
// shim. Its network is the machine's.
type node struct {
	t       *testing.T
	dir     string // the same inside and outside
	address string // containerd's socket
	daemons []*exec.Cmd
	pid     int // its first process, outside
}

// startNode starts a node, whose containerd has the sandbox's configuration but
// for the runtime handler.
func startNode(t *testing.T) *node {
	t.Helper()
	n := &node{t: t, dir: t.TempDir()}
	n.address = filepath.Join(n.dir, "containerd.sock")
	config := withoutHandler(t, ownConfig(t, n.dir))
	if err := os.WriteFile(filepath.Join(n.dir, "config.toml"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	script, err := filepath.Abs("testdata/kubernetes/node/init")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.end)
	n.pid = n.child("node", "unshare", "--mount", "--propagation", "slave", "--pid", "--fork", "--kill-child", "--mount-proc", script, n.dir)
	eventually(t, 30*time.Second, "containerd's start", func() bool {
		return exec.Command("ctr", "--address", n.address, "--connect-timeout", "1s", "version").Run() == nil
	})
	return n
}

// withoutHandler is a configuration of containerd without the runtime handler.
func withoutHandler(t *testing.T, config string) string {
	t.Helper()
	before, after, found := strings.Cut(config, "  [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.wasmfile]\n")
	_, after, ended := strings.Cut(after, "\n\n")
	if !found || !ended {
		t.Fatalf("no handler is in\n%s", config)
	}
	return before + "\n" + after
}

// environment is that of the node's processes: nothing tells them where the engine
// is, and it and the shim are on no path but where the installer puts them first.
func (n *node) environment() []string {
	path := "/usr/local/sbin:/usr/local/bin:" + filepath.Join(os.Getenv("SANDBOX_DIR"), "tools", "bin") + ":/usr/sbin:/usr/bin:/sbin:/bin"
	environment := []string{"PATH=" + path, "TMPDIR=" + n.dir}
	for _, variable := range os.Environ() {
		if name, _, _ := strings.Cut(variable, "="); name != "PATH" && name != "TMPDIR" && !strings.HasPrefix(name, "WASMFILE_") {
			environment = append(environment, variable)
		}
	}
	return environment
}

// start starts a daemon on the node.
func (n *node) start(name string, args ...string) {
	n.t.Helper()
	n.child(name, append([]string{"nsenter", "--target", strconv.Itoa(n.pid), "--mount", "--pid", "--", name}, args...)...)
}

// child starts a command that has one child in other namespaces, and returns the
// child's process.
func (n *node) child(name string, args ...string) (pid int) {
	n.t.Helper()
	log, err := os.Create(n.log(name))
	if err != nil {
		n.t.Fatal(err)
	}
	defer log.Close()
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdout, cmd.Stderr, cmd.Dir, cmd.Env = log, log, n.dir, n.environment()
	if err := cmd.Start(); err != nil {
		n.t.Fatal(err)
	}
	n.daemons = append(n.daemons, cmd)
	eventually(n.t, 10*time.Second, name+"'s process", func() bool {
		pid = onlyChild(cmd.Process.Pid)
		return pid != 0
	})
	return pid
}

// onlyChild is a process's child, 0 when it has none.
func onlyChild(pid int) int {
	process := "/proc/" + strconv.Itoa(pid)
	children, err := os.ReadFile(filepath.Join(process, "task", strconv.Itoa(pid), "children"))
	if err != nil {
		return 0
	}
	child, err := strconv.Atoi(strings.TrimSpace(string(children)))
	if err != nil {
		return 0
	}
	return child
}

func (n *node) log(daemon string) string { return filepath.Join(n.dir, daemon+".log") }

// file is a file of the node, seen from outside.
func (n *node) file(path string) string {
	return filepath.Join("/proc", strconv.Itoa(n.pid), "root", path)
}

// crictl is a command line for its CRI.
func (n *node) crictl(args ...string) []string {
	return append([]string{"crictl", "--runtime-endpoint", "unix://" + n.address, "--image-endpoint", "unix://" + n.address}, args...)
}

// end ends what was started on the node, then its pods, and fails the test for what
// cannot be removed.
func (n *node) end() {
	for _, daemon := range n.daemons[1:] {
		_ = syscall.Kill(onlyChild(daemon.Process.Pid), syscall.SIGTERM)
		_ = daemon.Wait()
	}
	if out, err := untimed(n.crictl("rmp", "--all", "--force")...); err != nil {
		n.t.Errorf("remove the pods: %v: %s", err, out)
	}
	if left := n.traces(n.address, filepath.Join(n.dir, "state")); len(left) > 0 {
		n.t.Errorf("left: %s", strings.Join(left, "\n"))
	}
	_ = n.daemons[0].Process.Kill()
	_ = n.daemons[0].Wait()
	if n.t.Failed() {
		for _, daemon := range []string{"node", "containerd", "kubelet"} {
			logEnd(n.t, n.log(daemon))
		}
	}
}

// traces are what is left on the machine and in the node's mounts that has one of
// the names in it.
func (n *node) traces(names ...string) []string {
	return tracesOf(n.t, strconv.Itoa(n.pid), names)
}
