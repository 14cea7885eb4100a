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
	dir     string    // the same inside and outside
	address string    // containerd's socket
	first   *exec.Cmd // nil for this machine itself
	daemons []*exec.Cmd
	pid     int // its first process, outside
}

// thisNode is this machine, with the sandbox's containerd, as a node.
func thisNode(t *testing.T) *node {
	t.Helper()
	n := &node{t: t, dir: t.TempDir(), address: os.Getenv("CONTAINERD_ADDRESS"), pid: 1}
	t.Cleanup(n.end)
	return n
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
	n.first = n.launch("node", "unshare", "--mount", "--propagation", "slave", "--pid", "--fork", "--kill-child", "--mount-proc", script, n.dir)
	n.pid = n.child(n.first)
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
	daemon := n.launch(name, append([]string{"nsenter", "--target", strconv.Itoa(n.pid), "--mount", "--pid", "--", name}, args...)...)
	n.daemons = append(n.daemons, daemon)
	n.child(daemon)
}

// launch starts a command that has one child in other namespaces.
func (n *node) launch(name string, args ...string) *exec.Cmd {
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
	return cmd
}

// child is the process of a command's child.
func (n *node) child(cmd *exec.Cmd) (pid int) {
	n.t.Helper()
	eventually(n.t, 10*time.Second, "the child of "+cmd.Path, func() bool {
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
	for _, daemon := range n.daemons {
		if pid := onlyChild(daemon.Process.Pid); pid != 0 { // It has not ended by itself.
			_ = syscall.Kill(pid, syscall.SIGTERM)
		}
		_ = daemon.Wait()
	}
	if out, err := untimed(n.crictl("rmp", "--all", "--force")...); err != nil {
		n.t.Errorf("remove the pods: %v: %s", err, out)
	}
	if left := n.traces(n.address, filepath.Join(n.dir, "state")); len(left) > 0 {
		n.t.Errorf("left: %s", strings.Join(left, "\n"))
	}
	if n.first != nil {
		_ = n.first.Process.Kill()
		_ = n.first.Wait()
	}
	if n.t.Failed() {
		logs, err := filepath.Glob(n.log("*"))
		if err != nil {
			n.t.Error(err)
		}
		for _, log := range logs {
			logEnd(n.t, log)
		}
	}
}

// traces are what is left on the machine and in the node's mounts that has one of
// the names in it.
func (n *node) traces(names ...string) []string {
	return tracesOf(n.t, strconv.Itoa(n.pid), names)
}
