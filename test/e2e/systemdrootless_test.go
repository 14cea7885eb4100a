package e2e

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// delegation lets users have the controllers that limits need.
const delegation = `[Service]
Delegate=cpu cpuset io memory pids
`

// systemdRootless: given an ordinary user who has a session, and whose containerd
// the session's systemd runs, guests have limits, and can be frozen and measured.
func systemdRootless(t *testing.T) {
	dropIn := "/etc/systemd/system/user@.service.d/delegate.conf"
	if err := os.MkdirAll(filepath.Dir(dropIn), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dropIn, []byte(delegation), 0o644); err != nil {
		t.Fatal(err)
	}
	must(t, "systemctl", "daemon-reload")
	u := newRootlessUser(t)
	u.openTUN(t)
	u.beginSession(t)
	t.Cleanup(func() {
		if out, err := untimed("journalctl", "--no-pager", "--lines=40", "_UID="+strconv.Itoa(u.uid)); t.Failed() {
			t.Logf("the user's journal ends with\n%s (%v)", out, err)
		}
	})
	must(t, u.as("containerd-rootless-setuptool.sh", "install")...)
	eventually(t, time.Minute, "the user's containerd", func() bool { return try(t, u.as("nerdctl", "info")...).code == 0 })
	for _, c := range []struct{ runtime, config string }{
		{"runc", ""}, {"crun", "[shim]\noci-runtime = \"crun\"\n"},
	} {
		t.Run(c.runtime, func(t *testing.T) {
			u.write(t, "home/.config/wasmfile/shim.toml", c.config)
			t.Run("limits", func(t *testing.T) { rootlessLimits(t, u) })
			t.Run("out of memory", func(t *testing.T) { rootlessOutOfMemory(t, u) })
			t.Run("a freeze", func(t *testing.T) { rootlessFreeze(t, u) })
		})
	}
}

// beginSession has systemd run units of the user's until the end of the test.
func (u *rootlessUser) beginSession(t *testing.T) {
	t.Helper()
	must(t, "loginctl", "enable-linger", u.name)
	t.Cleanup(func() {
		for _, verb := range []string{"disable-linger", "terminate-user"} {
			if out, err := untimed("loginctl", verb, u.name); err != nil {
				t.Errorf("loginctl %s: %v: %s", verb, err, out)
			}
		}
	})
	u.runtime = "/run/user/" + strconv.Itoa(u.uid)
	eventually(t, time.Minute, "the user's systemd", func() bool { return try(t, u.as("systemctl", "--user", "show-environment")...).code == 0 })
}

// background starts a guest that does nothing until the end of the test, and
// returns its process.
func (u *rootlessUser) background(t *testing.T, name string, flags ...string) (pid string) {
	t.Helper()
	args := append([]string{"run", "-d", "-q", "--name", name, "--net", "none"}, flags...)
	must(t, u.wasm(append(args, publishTwo(t), "sleep", "300")...)...)
	line := u.wasm("rm", "-f", name)
	t.Cleanup(func() {
		if out, err := untimed(line...); err != nil {
			t.Errorf("remove %s: %v: %s", name, err, out)
		}
	})
	return must(t, u.as("nerdctl", "inspect", "--format", "{{.State.Pid}}", name)...)
}

func rootlessLimits(t *testing.T, u *rootlessUser) {
	name := unique("limits")
	pid := u.background(t, name, "--memory", "48m", "--pids-limit", "50", "--cpus", "0.5")
	hasLimits(t, pid)
	if unit := unitOf(t, pid); !strings.HasPrefix(unit, "nerdctl-") || !strings.HasSuffix(unit, ".scope") {
		t.Errorf("it is in %s", unit)
	}
	must(t, u.as("nerdctl", "update", "--memory", "64m", "--memory-swap", "64m", name)...)
	if got := limit(t, pid, "memory", "memory.limit_in_bytes", "memory.max"); got != "67108864" {
		t.Errorf("after an update, the limit of memory is %s", got)
	}
}

func rootlessOutOfMemory(t *testing.T, u *rootlessUser) {
	r := try(t, u.wasm("run", "--rm", "-q", "--net", "none", "--memory", "32m", probe(t, "component"), "alloc", "200")...)
	if r.code != 137 {
		t.Errorf("exit code %d: %s", r.code, r.all())
	}
}

func rootlessFreeze(t *testing.T, u *rootlessUser) {
	name := unique("freeze")
	u.background(t, name)
	status := func() string { return must(t, u.as("nerdctl", "inspect", "--format", "{{.State.Status}}", name)...) }
	must(t, u.as("nerdctl", "pause", name)...)
	if got := status(); got != "paused" {
		t.Errorf("paused, it is %s", got)
	}
	must(t, u.as("nerdctl", "unpause", name)...)
	if got := status(); got != "running" {
		t.Errorf("resumed, it is %s", got)
	}
	if out := must(t, u.as("nerdctl", "top", name)...); !strings.Contains(out, "sleep 300") {
		t.Errorf("top shows %s", out)
	}
	eventually(t, 10*time.Second, "what it uses", func() bool {
		return strings.Contains(must(t, u.as("nerdctl", "stats", "--no-stream", "--format", "{{.MemUsage}}", name)...), "MiB /")
	})
}
