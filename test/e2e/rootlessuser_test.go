package e2e

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// rootlessUser is an ordinary user of this machine, whose programs, home and
// runtime directory are below one directory. Both are made for the test.
type rootlessUser struct {
	name     string
	uid, gid int
	dir      string
	runtime  string // XDG_RUNTIME_DIR
}

// rootlessTools are those of the sandbox that the user gets, in the directory of
// CNI plugins.
var rootlessTools = []string{
	"rootlesskit", "containerd-rootless.sh", "containerd-rootless-setuptool.sh", "containerd", "containerd-shim-runc-v2", "runc",
	"wasmtime", "nerdctl", "buildkitd", "bridge", "loopback", "host-local", "portmap", "firewall", "tuning",
}

// rootlessConfig is what a containerd in a user namespace needs to be told: the
// plugins that it cannot have.
const rootlessConfig = `version = 3
disabled_plugins = ["io.containerd.grpc.v1.cri"]

[plugins."io.containerd.nri.v1.nri"]
  disable = true
`

// newRootlessUser makes the user, after what a run of the tests that was killed
// has left of it.
func newRootlessUser(t *testing.T) *rootlessUser {
	t.Helper()
	sum := sha256.Sum256([]byte(os.Getenv("SANDBOX_DIR")))
	u := &rootlessUser{name: "wasmfile-" + hex.EncodeToString(sum[:4])}
	// Everybody can get there, which is not so for the tests' own directories.
	u.dir = filepath.Join("/var/tmp", u.name)
	u.runtime = u.path("run")
	u.remove(t)
	t.Cleanup(func() { u.remove(t) })
	must(t, "useradd", "--home-dir", u.path("home"), "--no-create-home", "--shell", "/bin/sh", u.name)
	account, err := user.Lookup(u.name)
	if err != nil {
		t.Fatal(err)
	}
	u.uid, u.gid = number(t, account.Uid), number(t, account.Gid)
	for _, dir := range []string{"", "bin", "tools", "home", "run", "tmp"} {
		if err := os.Mkdir(u.path(dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, dir := range []string{"home", "run", "tmp"} {
		if err := os.Chown(u.path(dir), u.uid, u.gid); err != nil {
			t.Fatal(err)
		}
	}
	u.install(t)
	u.write(t, "home/.config/containerd/config.toml", rootlessConfig)
	u.write(t, "home/.config/nerdctl/nerdctl.toml", fmt.Sprintf("cni_path = %q\n", u.path("tools")))
	return u
}

// install copies what the user runs: this repository's binaries and the tools.
func (u *rootlessUser) install(t *testing.T) {
	t.Helper()
	for _, name := range []string{"nerdctl-wasm", "containerd-shim-wasmfile-v1"} {
		must(t, "cp", filepath.Join("..", "..", "bin", name), u.path("bin", name))
	}
	if err := os.Symlink("nerdctl-wasm", u.path("bin", "nerdctl")); err != nil {
		t.Fatal(err)
	}
	for _, name := range rootlessTools {
		must(t, "cp", filepath.Join(os.Getenv("SANDBOX_DIR"), "tools", "bin", name), u.path("tools", name))
	}
}

func (u *rootlessUser) path(elements ...string) string {
	return filepath.Join(append([]string{u.dir}, elements...)...)
}

// write has the user write a file.
func (u *rootlessUser) write(t *testing.T, path, content string) {
	t.Helper()
	c := command{args: u.as("sh", "-c", `mkdir -p "$(dirname "$0")" && cat > "$0"`, u.path(path)), stdin: strings.NewReader(content)}
	if r := c.run(t); r.code != 0 {
		t.Fatalf("write %s: %s", path, r.all())
	}
}

// as is a command line that runs another as the user, at home, with the
// environment of a login.
func (u *rootlessUser) as(args ...string) []string {
	return append([]string{
		"setpriv", "--reuid", strconv.Itoa(u.uid), "--regid", strconv.Itoa(u.gid), "--init-groups",
		"env", "--ignore-environment", "--chdir", u.path("home"),
		"HOME=" + u.path("home"), "XDG_RUNTIME_DIR=" + u.runtime, "DBUS_SESSION_BUS_ADDRESS=unix:path=" + u.runtime + "/bus", "TMPDIR=" + u.path("tmp"), "TERM=xterm",
		"PATH=" + strings.Join([]string{u.path("bin"), u.path("tools"), "/usr/sbin", "/usr/bin", "/sbin", "/bin"}, ":"),
	}, args...)
}

// wasm is such a command line of the plugin.
func (u *rootlessUser) wasm(args ...string) []string {
	return u.as(append([]string{"nerdctl", "wasm"}, args...)...)
}

// startContainerd starts the user's own containerd, and fails the test where the
// machine does not let users have one.
func (u *rootlessUser) startContainerd(t *testing.T) {
	t.Helper()
	if r := try(t, u.as("unshare", "--user", "--map-root-user", "--mount", "true")...); r.code != 0 {
		t.Fatalf("this machine lets no ordinary user make user namespaces (user.max_user_namespaces, kernel.unprivileged_userns_clone, kernel.apparmor_restrict_unprivileged_userns): %s", r.all())
	}
	u.openTUN(t)
	u.start(t, "containerd-rootless.sh")
	u.awaits(t, "containerd-rootless.sh", "nerdctl", "info")
}

// startBuildkitd starts a BuildKit in the namespaces of the user's containerd.
func (u *rootlessUser) startBuildkitd(t *testing.T) {
	t.Helper()
	socket := u.path("run", "buildkit-default", "buildkitd.sock")
	u.start(t, "containerd-rootless-setuptool.sh", "nsenter", "--", "buildkitd", "--rootless", "--addr", "unix://"+socket,
		"--otel-socket-path", u.path("run", "otel.sock"), "--oci-worker=false", "--containerd-worker=true",
		"--containerd-worker-rootless=true", "--containerd-worker-snapshotter=overlayfs")
	u.awaits(t, "containerd-rootless-setuptool.sh", "test", "-S", socket)
}

// openTUN lets users have TUN devices, as udev does.
func (u *rootlessUser) openTUN(t *testing.T) {
	t.Helper()
	const device = "/dev/net/tun"
	before, err := os.Stat(device)
	if err != nil {
		t.Fatalf("a rootless containerd needs TUN devices for its network (modprobe tun): %v", err)
	}
	if before.Mode().Perm()&0o006 == 0o006 {
		return
	}
	if err := os.Chmod(device, 0o666); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.Chmod(device, before.Mode().Perm()); err != nil {
			t.Error(err)
		}
	})
}

// start starts a program that goes on until the user is removed.
func (u *rootlessUser) start(t *testing.T, args ...string) {
	t.Helper()
	log, err := os.Create(u.path(args[0] + ".log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	line := u.as(args...)
	cmd := exec.Command(line[0], line[1:]...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { _ = cmd.Wait() }() // remove ends it
}

// awaits waits until a command of the user's succeeds; when it does not, it
// shows what the program said that was started for it.
func (u *rootlessUser) awaits(t *testing.T, program string, args ...string) {
	t.Helper()
	var r result
	if !holds(t, time.Minute, func() bool {
		r = try(t, u.as(args...)...)
		return r.code == 0
	}) {
		t.Fatalf("%s does not start: %s\n%s", program, r.all(), readFile(t, u.path(program+".log")))
	}
}

// remove ends the user's processes, those in the user's namespaces too, and
// removes the user and the user's files.
func (u *rootlessUser) remove(t *testing.T) {
	t.Helper()
	account, err := user.Lookup(u.name)
	if err == nil {
		u.endProcesses(t, number(t, account.Uid))
		if out, err := untimed("userdel", u.name); err != nil {
			t.Errorf("userdel: %v: %s", err, out)
		}
	}
	if err := os.RemoveAll(u.dir); err != nil {
		t.Error(err)
	}
}

func (u *rootlessUser) endProcesses(t *testing.T, uid int) {
	t.Helper()
	subordinate := readFile(t, "/etc/subuid")
	eventually(t, time.Minute, "the end of the user's processes", func() bool {
		left := processesOf(t, func(owner int) bool {
			return owner == uid || isSubordinate(subordinate, u.name, owner)
		})
		for _, pid := range left {
			_ = syscall.Kill(pid, syscall.SIGKILL) // it may have ended
		}
		return len(left) == 0
	})
}

// isSubordinate reports whether a file like /etc/subuid lets a user have an ID.
func isSubordinate(file, name string, id int) bool {
	for line := range strings.Lines(file) {
		var first, count int
		_, err := fmt.Sscanf(strings.TrimPrefix(line, name+":"), "%d:%d", &first, &count)
		if err == nil && strings.HasPrefix(line, name+":") && id >= first && id < first+count {
			return true
		}
	}
	return false
}

// processesOf are the processes whose real user is one of these, without
// zombies.
func processesOf(t *testing.T, isOwner func(uid int) bool) []int {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/status")
	if err != nil {
		t.Fatal(err)
	}
	var found []int
	for _, file := range files {
		status, err := os.ReadFile(file)
		if err != nil || bytes.Contains(status, []byte("\nState:\tZ")) {
			continue
		}
		_, rest, _ := strings.Cut(string(status), "\nUid:\t")
		owner, _, _ := strings.Cut(rest, "\t")
		if uid, err := strconv.Atoi(owner); err == nil && isOwner(uid) {
			found = append(found, number(t, filepath.Base(filepath.Dir(file))))
		}
	}
	return found
}

func number(t *testing.T, text string) int {
	t.Helper()
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
