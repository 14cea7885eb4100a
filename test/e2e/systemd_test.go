package e2e

import (
	"path"
	"strings"
	"testing"
	"time"
)

// TestSystemd: given a machine with cgroup version 2 alone, whose systemd runs the
// daemons and makes the cgroups, guests live as they do elsewhere, and are
// systemd's as native containers are.
func TestSystemd(t *testing.T) {
	onlyBy(t, "test-systemd")
	if manager := must(t, "docker", "info", "--format", "{{.CgroupDriver}} {{.CgroupVersion}}"); manager != "systemd 2" {
		t.Fatalf("the cgroups are of %s", manager)
	}
	for _, test := range []struct {
		name string
		run  func(*testing.T)
	}{
		{"scopes", systemdScopes},
		{"health", systemdHealth},
		{"a pod", systemdPod},
		{"a restart", systemdRestart},
		{"limits", TestLimits},
		{"out of memory", TestOutOfMemory},
		{"process limit", TestProcessLimit},
		{"a freeze", TestFreezeAndLook},
		{"ctr's verbs", TestTask},
		{"privileges", TestPrivileges},
		{"AppArmor", systemdAppArmor},
		{"a server's end", TestServerDrains},
		{"a shim that is replaced", TestShimIsReplaced},
		{"crun", systemdCrun},
		{"rootless", systemdRootless},
	} {
		t.Run(test.name, test.run)
	}
}

// unitOf is the unit of systemd's that a process is in.
func unitOf(t *testing.T, pid string) string {
	t.Helper()
	group := readFile(t, "/proc/"+pid+"/cgroup")
	return path.Base(withoutSubgroup(strings.TrimSpace(group)))
}

// property is a property of a unit.
func property(t *testing.T, unit, name string) string {
	t.Helper()
	return must(t, "systemctl", "show", "--property", name, "--value", unit)
}

// A guest has a scope of its own, which has its limits and goes with it; its shim stays
// in containerd's unit.
func systemdScopes(t *testing.T) {
	ref := publishTwo(t)
	for _, tool := range []string{"docker", "nerdctl"} {
		t.Run(tool, func(t *testing.T) {
			id := sleeper(t, tool, ref, "--memory", "48m", "--memory-swap", "48m", "--pids-limit", "50")
			pid := must(t, tool, "inspect", "--format", "{{.State.Pid}}", id)
			unit := unitOf(t, pid)
			if unit != tool+"-"+id+".scope" {
				t.Errorf("it is in %s", unit)
			}
			if shim := unitOf(t, strings.TrimSpace(must(t, "ps", "-o", "ppid=", "-p", pid))); shim != "containerd.service" {
				t.Errorf("its shim is in %s", shim)
			}
			if memory, tasks := property(t, unit, "MemoryMax"), property(t, unit, "TasksMax"); memory != "50331648" || tasks != "50" {
				t.Errorf("systemd limits it to %s bytes and %s tasks", memory, tasks)
			}
			must(t, tool, "update", "--memory", "64m", "--memory-swap", "64m", id)
			if memory := property(t, unit, "MemoryMax"); memory != "67108864" {
				t.Errorf("after an update, systemd limits it to %s bytes", memory)
			}
			must(t, tool, "kill", id)
			eventually(t, 10*time.Second, "the scope's end", func() bool { return property(t, unit, "ActiveState") == "inactive" })
		})
	}
}

// A timer of systemd's runs a health check, and goes with the container.
func systemdHealth(t *testing.T) {
	ref := publishTwo(t)
	for check, want := range map[string]string{"a echo well": "healthy", "b": "unhealthy"} {
		name := unique("health")
		must(t, "nerdctl", "wasm", "run", "-d", "-q", "--name", name, "--net", "none",
			"--health-cmd", check, "--health-interval", "1s", "--health-retries", "2", ref, "sleep", "300")
		defer try(t, "nerdctl", "rm", "-f", name)
		timer := must(t, "nerdctl", "inspect", "--format", "{{.Id}}", name) + ".timer"
		timers := func() string { return must(t, "systemctl", "list-timers", "--all", "--full", "--no-pager") }
		if !strings.Contains(timers(), timer) {
			t.Errorf("systemd has no timer for %q:\n%s", check, timers())
		}
		eventually(t, 30*time.Second, want, func() bool {
			return must(t, "nerdctl", "inspect", "--format", "{{with .State.Health}}{{.Status}}{{end}}", name) == want
		})
		must(t, "nerdctl", "rm", "-f", name)
		if strings.Contains(timers(), timer) {
			t.Errorf("the timer stays:\n%s", timers())
		}
	}
}

// A pod's guest is in the slice of the pod, by the same setting of containerd's as
// for runc, and is killed, counted and limited there.
func systemdPod(t *testing.T) {
	ref := publishTwo(t)
	must(t, "crictl", "pull", ref)
	p := newPodOf(t, object{"cgroup_parent": "pods.slice"}, []string{"crictl"})
	id := p.start("guest", ref, object{
		"args": []string{"sleep", "300"}, "linux": object{"resources": object{"memory_limit_in_bytes": 48 << 20}},
	})
	pid := p.do("inspect", "-o", "go-template", "--template", "{{.info.pid}}", id)
	unit := unitOf(t, pid)
	if unit != "cri-containerd-"+id+".scope" || property(t, unit, "Slice") != "pods.slice" || property(t, unit, "MemoryMax") != "50331648" {
		t.Errorf("it is in %s of %s, with %s bytes", unit, property(t, unit, "Slice"), property(t, unit, "MemoryMax"))
	}
	p.do("update", "--memory", "67108864", id)
	if got := limit(t, pid, "memory", "memory.limit_in_bytes", "memory.max"); got != "67108864" {
		t.Errorf("after an update, the limit of memory is %s", got)
	}
	eventually(t, 20*time.Second, "statistics", func() bool {
		return strings.Contains(p.do("stats", "-o", "json", "--id", id), `"workingSetBytes"`)
	})
	toldOfKill(t, func(within time.Duration) bool { return p.outgrows(unique("large"), ref, within) })
	p.do("stop", id)
	eventually(t, 10*time.Second, "the scope's end", func() bool { return property(t, unit, "ActiveState") == "inactive" })
}

// Guests go on while systemd restarts their containerd, which controls them as
// before then.
func systemdRestart(t *testing.T) {
	ref := publishTwo(t)
	ids := map[string]string{"docker": sleeper(t, "docker", ref), "nerdctl": sleeper(t, "nerdctl", ref)}
	pids := make(map[string]string)
	for tool, id := range ids {
		pids[tool] = must(t, tool, "inspect", "--format", "{{.State.Pid}}", id)
	}
	must(t, "systemctl", "restart", "containerd")
	for tool, id := range ids {
		eventually(t, time.Minute, "an answer to "+tool, func() bool { return try(t, tool, "exec", id, "a", "echo", "x").stdout == "x\n" })
		if state := must(t, tool, "inspect", "--format", "{{.State.Status}} {{.State.Pid}}", id); state != "running "+pids[tool] {
			t.Errorf("%s's guest was %s and is %s", tool, pids[tool], state)
		}
		must(t, tool, "kill", "-s", "TERM", id)
		if code := must(t, tool, "wait", id); code != "143" {
			t.Errorf("%s's guest ended with %s", tool, code)
		}
	}
}

// crun does what runc does, as a distribution has it.
func systemdCrun(t *testing.T) {
	configureShim(t, "[shim]\noci-runtime = \"crun\"\n")
	for _, test := range []struct {
		name string
		run  func(*testing.T)
	}{
		{"scopes", systemdScopes},
		{"limits", TestLimits},
		{"out of memory", TestOutOfMemory},
		{"a freeze", TestFreezeAndLook},
		{"a pod", systemdPod},
	} {
		t.Run(test.name, test.run)
	}
}
