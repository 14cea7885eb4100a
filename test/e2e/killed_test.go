package e2e

import (
	"bytes"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestContainerdRestarts: given running guests, containerd can be killed and
// started again: they go on, and it controls them as before.
func TestContainerdRestarts(t *testing.T) {
	two, web := publishSleeper(t), publish(t, "http")
	c := startContainerd(t, "", unchanged)
	c.pull(two)
	c.pull(web)
	command, server := unique("command"), unique("server")
	pids := map[string]string{command: c.run(two, command, "a", "sleep", "300"), server: c.run(web, server)}
	c.kill()
	for id, pid := range pids {
		if _, err := os.Stat("/proc/" + pid); err != nil {
			t.Errorf("%s did not survive: %v", id, err)
		}
	}
	c.start()
	for id, pid := range pids {
		if got := c.task(id); got[0] != pid || got[1] != "RUNNING" {
			t.Errorf("%s is now %v, it was %s", id, got, pid)
		}
	}
	if r := try(t, c.ctr("tasks", "exec", "--exec-id", "e", command, "b")...); r.code != 7 {
		t.Errorf("the exec ends with %d: %s", r.code, r.all())
	}
	for id, warning := range map[string]string{command: "non-zero exit code 143", server: ""} {
		must(t, c.ctr("tasks", "kill", "-s", "SIGTERM", id)...)
		eventually(t, 10*time.Second, "the end of "+id, func() bool { return c.task(id)[1] == "STOPPED" })
		if r := try(t, c.ctr("tasks", "rm", id)...); r.code != 0 || !strings.Contains(r.stderr, warning) || warning == "" && r.stderr != "" {
			t.Errorf("%s: exit code %d: %s", id, r.code, r.all())
		}
		must(t, c.ctr("containers", "rm", id)...)
		if left := traces(t, []string{id}); len(left) > 0 {
			t.Errorf("left of %s: %v", id, left)
		}
	}
}

// TestShimIsReplaced: given a running guest, the shim's file can be replaced:
// the old shim goes on, and the new one cleans up after it and runs others.
func TestShimIsReplaced(t *testing.T) {
	for name, start := range map[string]func(t *testing.T, bin string) *ownContainerd{
		"of one container": func(t *testing.T, bin string) *ownContainerd { return startContainerd(t, bin, unchanged) },
		"shared":           startSharing,
	} {
		t.Run(name, func(t *testing.T) { replaceShim(t, start) })
	}
}

func replaceShim(t *testing.T, start func(t *testing.T, bin string) *ownContainerd) {
	ref := publishSleeper(t)
	bin := t.TempDir()
	shim, err := exec.LookPath("containerd-shim-wasmfile-v1")
	if err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(shim)
	if err != nil {
		t.Fatal(err)
	}
	place := func(content []byte) {
		t.Helper()
		file := filepath.Join(bin, filepath.Base(shim))
		if err := os.WriteFile(file+".new", content, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(file+".new", file); err != nil {
			t.Fatal(err)
		}
	}
	place(content)
	c := start(t, bin)
	c.pull(ref)
	before, after := unique("before"), unique("after")
	c.run(ref, before, "a", "sleep", "300")
	place(append(bytes.Clone(content), "another version"...))
	c.run(ref, after, "a", "sleep", "300")
	if got := c.shims(); len(got) != 2 {
		t.Errorf("the shims of two executables: %v", got)
	}
	for _, id := range []string{before, after} {
		if r := try(t, c.ctr("tasks", "exec", "--exec-id", "e", id, "b")...); r.code != 7 {
			t.Errorf("%s: the exec ends with %d: %s", id, r.code, r.all())
		}
		must(t, c.ctr("tasks", "kill", "-s", "SIGTERM", id)...)
		eventually(t, 10*time.Second, "the end of "+id, func() bool { return c.task(id)[1] == "STOPPED" })
		must(t, c.ctr("tasks", "rm", id)...)
		must(t, c.ctr("containers", "rm", id)...)
		if left := traces(t, []string{id}); len(left) > 0 {
			t.Errorf("left of %s: %v", id, left)
		}
	}
}

// TestKilledAtAnyPoint: given a shim, an engine or a containerd that is killed
// at any point of a container's life, from its creation to its deletion, nothing
// is left of the container once containerd is there again and was asked to
// remove it.
func TestKilledAtAnyPoint(t *testing.T) {
	ref := publishSleeper(t)
	for _, victim := range []string{"shim", "engine", "containerd"} {
		t.Run(victim, func(t *testing.T) {
			c := startContainerd(t, "", unchanged)
			c.pull(ref)
			first := unique("first")
			c.run(ref, first, "a", "sleep", "300") // compiles
			var before []string
			eventually(t, 10*time.Second, "the start of the guest", func() bool {
				before = c.inventory(first)
				return !slices.Contains(before, "process runc:[2:INIT]")
			})
			// Or the inventory does not see them.
			for kind, count := range map[string]int{"process": 3, "mount": 1, "content": 5, "snapshots": 1, "containers": 1, "file": 10, "socket": 1} {
				if n := len(slices.DeleteFunc(slices.Clone(before), func(thing string) bool { return !strings.HasPrefix(thing, kind+" ") })); n < count {
					t.Fatalf("the inventory has %d of %s:\n%s", n, kind, strings.Join(before, "\n"))
				}
			}
			begun := time.Now() // How long a life takes is the machine's affair.
			must(t, c.ctr("run", "--rm", "--runtime", runtimeName, ref, unique("whole"), "a", "sleep", "0")...)
			whole := time.Since(begun)
			for round := range atScale(4, 60) {
				id := unique("killed")
				run := c.ctr("run", "--runtime", runtimeName, ref, id, "a", "sleep", "1")
				if round%2 == 1 { // One that has ended, and is deleted, by then.
					run = c.ctr("run", "--rm", "--runtime", runtimeName, ref, id, "a", "sleep", "0")
				}
				c.killDuring(run, victim, id, rand.N(2*whole))
			}
			if victim == "containerd" { // Or they hold what the client could not remove, for a day.
				for lease := range strings.Lines(must(t, c.ctr("leases", "ls", "-q")...)) {
					must(t, c.ctr("leases", "rm", strings.TrimSpace(lease))...)
				}
			}
			// containerd tidies up when it removes the next one.
			must(t, c.ctr("run", "--rm", "--runtime", runtimeName, ref, unique("last"), "a", "sleep", "0")...)
			var left []string
			if !holds(t, 30*time.Second, func() bool {
				left = more(c.inventory(first), before)
				return len(left) == 0
			}) {
				t.Errorf("left:\n%s", strings.Join(left, "\n"))
			}
			c.killOne("shim", first)
			c.remove(first, 0)
			eventually(t, 10*time.Second, "the end of the socket of a shim that was killed while its guest ran", func() bool {
				return !slices.Contains(c.inventory(first), "socket of "+first)
			})
		})
	}
}

// killDuring kills one of a container's processes, a time after a client begins to run
// it, and then has containerd remove the container.
func (c *ownContainerd) killDuring(run []string, victim, id string, delay time.Duration) {
	c.t.Helper()
	client := exec.Command(run[0], run[1:]...)
	if err := client.Start(); err != nil {
		c.t.Fatal(err)
	}
	time.Sleep(delay)
	c.killOne(victim, id)
	ended := make(chan error, 1)
	go func() { ended <- client.Wait() }()
	select {
	case <-ended:
	case <-time.After(5 * time.Second):
		_ = client.Process.Kill()
		<-ended
	}
	c.remove(id, delay)
}

// more is what there is more of in one list than in another.
func more(after, before []string) []string {
	count := make(map[string]int)
	for _, thing := range before {
		count[thing]++
	}
	return slices.DeleteFunc(slices.Clone(after), func(thing string) bool {
		count[thing]--
		return count[thing] >= 0
	})
}

// killOne kills the shim or the engine of a container, if it is there yet, or
// containerd, which is started again.
func (c *ownContainerd) killOne(victim, id string) {
	c.t.Helper()
	if victim == "containerd" {
		c.kill()
		c.start()
		return
	}
	pattern := "containerd-shim-wasmfile-v1 .*-id " + id + " "
	pids, _ := exec.Command("pgrep", "-f", pattern).Output()
	if victim == "engine" && len(pids) > 0 {
		pids, _ = exec.Command("pgrep", "-P", strings.Join(strings.Fields(string(pids)), ",")).Output()
	}
	for _, pid := range strings.Fields(string(pids)) {
		_ = exec.Command("kill", "-9", pid).Run()
	}
}

// remove removes a container, as a person would who finds it there.
func (c *ownContainerd) remove(id string, delay time.Duration) {
	c.t.Helper()
	var left []string
	// A shim of which containerd does not know ends by itself, after a minute.
	if !holds(c.t, 75*time.Second, func() bool {
		_, _ = untimed(c.ctr("tasks", "rm", "--force", id)...)
		_, _ = untimed(c.ctr("containers", "rm", id)...)
		// What the client made first, and could not remove.
		_, _ = untimed(c.ctr("snapshots", "rm", id)...)
		left = traces(c.t, []string{id})
		return len(left) == 0
	}) {
		c.t.Errorf("of a container of which something was killed after %s is left:\n%s", delay, strings.Join(left, "\n"))
	}
}
