package e2e

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// limit reads a control file of the cgroup of a container's first process, in
// version 1 of a controller or, by another name, in version 2.
func limit(t *testing.T, pid, controller, v1, v2 string) string {
	t.Helper()
	groups := readFile(t, "/proc/"+pid+"/cgroup")
	for line := range strings.SplitSeq(strings.TrimSpace(groups), "\n") {
		part := strings.SplitN(line, ":", 3)
		file := filepath.Join("/sys/fs/cgroup", controller, part[2], v1)
		if part[1] == "" {
			file = filepath.Join("/sys/fs/cgroup", withoutSubgroup(part[2]), v2)
		} else if !strings.Contains(","+part[1]+",", ","+controller+",") {
			continue
		}
		if content, err := os.ReadFile(file); err == nil {
			return strings.TrimSpace(string(content))
		}
	}
	t.Fatalf("process %s has no %s or %s: %s", pid, v1, v2, groups)
	return ""
}

// withoutSubgroup is a container's cgroup, in which crun makes another one for its
// processes when systemd has made it.
func withoutSubgroup(group string) string {
	if dir := strings.TrimSuffix(group, "/container"); strings.HasSuffix(dir, ".scope") {
		return dir
	}
	return group
}

// TestLimits: given limits of memory, processes and processor time, they are
// the ones of the guest's cgroup, and can be changed while it runs.
func TestLimits(t *testing.T) {
	ref := publishTwo(t)
	for _, tool := range []string{"docker", "nerdctl"} {
		t.Run(tool, func(t *testing.T) {
			id := sleeper(t, tool, ref, "--memory", "48m", "--pids-limit", "50", "--cpus", "0.5")
			pid := must(t, tool, "inspect", "--format", "{{.State.Pid}}", id)
			hasLimits(t, pid)
			must(t, tool, "update", "--memory", "64m", "--memory-swap", "64m", id)
			if got := limit(t, pid, "memory", "memory.limit_in_bytes", "memory.max"); got != "67108864" {
				t.Errorf("after an update, the limit of memory is %s", got)
			}
		})
	}
}

// hasLimits checks the limits of --memory 48m --pids-limit 50 --cpus 0.5.
func hasLimits(t *testing.T, pid string) {
	t.Helper()
	if got := limit(t, pid, "memory", "memory.limit_in_bytes", "memory.max"); got != "50331648" {
		t.Errorf("the limit of memory is %s", got)
	}
	if got := limit(t, pid, "pids", "pids.max", "pids.max"); got != "50" {
		t.Errorf("the limit of processes is %s", got)
	}
	if got := limit(t, pid, "cpu", "cpu.cfs_quota_us", "cpu.max"); !strings.HasPrefix(got, "50000") {
		t.Errorf("the limit of processor time is %s", got)
	}
}

// TestOutOfMemory: given a guest that needs more memory than it may have, the
// kernel kills it, and every tool says so as it does for a native program.
func TestOutOfMemory(t *testing.T) {
	ref := probe(t, "component")
	t.Run("docker", func(t *testing.T) {
		must(t, "docker", "pull", "-q", "--platform", platform(ref), ref)
		toldOfKill(t, func(time.Duration) bool {
			name := unique("oom")
			defer try(t, "docker", "rm", "-f", name)
			r := try(t, "docker", "run", "--name", name, "--runtime", runtimeName, "--platform", platform(ref), "--memory", "32m", "--memory-swap", "32m", ref, "alloc", "200")
			if r.code != 137 {
				t.Errorf("exit code %d: %s", r.code, r.all())
			}
			return must(t, "docker", "inspect", "--format", "{{.State.OOMKilled}}", name) == "true"
		})
	})
	t.Run("containerd's events", containerdTellsOfKill)
}

func containerdTellsOfKill(t *testing.T) {
	ref := probe(t, "component")
	events := watch(t)
	must(t, "nerdctl", "wasm", "pull", "-q", ref)
	toldOfKill(t, func(within time.Duration) bool {
		r := try(t, "nerdctl", "wasm", "run", "--rm", "-q", "--net", "none", "--memory", "32m", ref, "alloc", "200")
		if r.code != 137 {
			t.Errorf("exit code %d: %s", r.code, r.all())
		}
		return holds(t, within, func() bool { return strings.Contains(events(), "/tasks/oom") })
	})
}

// toldOfKill has a guest killed for its memory, and wants somebody to be told within a
// time that it was for that. Where systemd makes the cgroups, of version 2, that may take
// several guests: the kernel's count goes with the cgroup, which systemd removes as soon as
// the guest has ended, and containerd's library may come too late to read it; for native
// containers it does as often.
func toldOfKill(t *testing.T, kill func(within time.Duration) (told bool)) {
	t.Helper()
	attempts := time.Duration(1)
	if strings.HasPrefix(os.Getenv(slowVariable), "test-systemd") {
		attempts = 20
	}
	for range attempts {
		if kill(10 * time.Second / attempts) {
			return
		}
	}
	t.Errorf("of %d guests, nobody is told why they were killed", attempts)
}

// TestProcessLimit: given a limit of processes that the engine's threads are
// over, it cannot start them.
func TestProcessLimit(t *testing.T) {
	ref := probe(t, "component")
	must(t, "docker", "pull", "-q", "--platform", platform(ref), ref)
	r := try(t, "docker", "run", "--rm", "--runtime", runtimeName, "--platform", platform(ref), "--pids-limit", "1", ref, "sleep", "1")
	if r.code == 0 || !strings.Contains(r.stderr, "Resource temporarily unavailable") {
		t.Errorf("exit code %d: %s", r.code, r.all())
	}
}

// watch collects containerd's events from now on.
func watch(t *testing.T) (sofar func() string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	file := filepath.Join(t.TempDir(), "events")
	out, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(ctx, "ctr", "events")
	cmd.Stdout = out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = cmd.Wait()
		out.Close()
	})
	sofar = func() string {
		return readFile(t, file)
	}
	// It listens when it reports something that happens now.
	eventually(t, 10*time.Second, "a first event", func() bool {
		namespace := unique("watch")
		must(t, "ctr", "namespaces", "create", namespace)
		must(t, "ctr", "namespaces", "remove", namespace)
		return strings.Contains(sofar(), namespace)
	})
	return sofar
}

// TestFreezeAndLook: given a running guest, it can be paused and resumed, its
// processes and what it uses can be seen, and its end is waited for.
func TestFreezeAndLook(t *testing.T) {
	ref := publishTwo(t)
	for _, tool := range []string{"docker", "nerdctl"} {
		t.Run(tool, func(t *testing.T) {
			id := sleeper(t, tool, ref)
			status := func() string { return must(t, tool, "inspect", "--format", "{{.State.Status}}", id) }
			must(t, tool, "pause", id)
			if got := status(); got != "paused" {
				t.Errorf("paused, it is %s", got)
			}
			must(t, tool, "unpause", id)
			if got := status(); got != "running" {
				t.Errorf("resumed, it is %s", got)
			}
			if out := must(t, tool, "top", id); !strings.Contains(out, "sleep 300") {
				t.Errorf("top shows %s", out)
			}
			// nerdctl says that it is nothing when it is not told in time.
			eventually(t, 10*time.Second, "what it uses", func() bool {
				return strings.Contains(must(t, tool, "stats", "--no-stream", "--format", "{{.MemUsage}}", id), "MiB /")
			})
			must(t, tool, "kill", "-s", "INT", id)
			if code := must(t, tool, "wait", id); code != "130" {
				t.Errorf("it ended with %s", code)
			}
		})
	}
}

// TestTask: given a running guest, containerd's own client freezes, measures,
// lists and ends it, and cannot checkpoint it.
func TestTask(t *testing.T) {
	id := sleeper(t, "ctr", publishTwo(t))
	events := watch(t)
	status := func() string {
		for line := range strings.SplitSeq(must(t, "ctr", "tasks", "ls"), "\n") {
			if words := strings.Fields(line); words[0] == id {
				return words[2]
			}
		}
		return "gone"
	}
	must(t, "ctr", "tasks", "pause", id)
	if got := status(); got != "PAUSED" {
		t.Errorf("paused, it is %s", got)
	}
	fails(t, []string{"paused"}, "ctr", "tasks", "exec", "--exec-id", unique("exec"), id, "b")
	must(t, "ctr", "tasks", "resume", id)
	if out := must(t, "ctr", "tasks", "metrics", id); !strings.Contains(out, "memory.usage_in_bytes") && !strings.Contains(out, "memory.usage") {
		t.Errorf("its metrics are %s", out)
	}
	pid := must(t, "nerdctl", "inspect", "--format", "{{.State.Pid}}", id)
	if out := must(t, "ctr", "tasks", "ps", id); !strings.Contains(out, pid) {
		t.Errorf("process %s is not among\n%s", pid, out)
	}
	fails(t, []string{"cannot be checkpointed"}, "ctr", "tasks", "checkpoint", id)
	must(t, "ctr", "tasks", "kill", "-s", "SIGTERM", id)
	eventually(t, 10*time.Second, "its end", func() bool { return status() != "RUNNING" })
	for _, topic := range []string{"/tasks/paused", "/tasks/resumed", "/tasks/exit"} {
		eventually(t, 10*time.Second, "an event "+topic, func() bool { return strings.Contains(events(), topic) })
	}
	if !strings.Contains(events(), `"exit_status":143`) {
		t.Errorf("the event does not say 143:\n%s", events())
	}
}
