package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// startSharing starts a containerd as startContainerd does, on a host whose
// administrator has the containers of a namespace share a shim.
func startSharing(t *testing.T, path string) *ownContainerd {
	t.Helper()
	file := filepath.Join(t.TempDir(), "shim.toml")
	if err := os.WriteFile(file, []byte("[shim]\nshare = \"namespace\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("WASMFILE_CONFIG", file)
	c := startContainerd(t, path, unchanged)
	t.Cleanup(func() { // Before containerd, which the shims have to be known by, ends.
		for _, pid := range c.shims() {
			_ = exec.Command("kill", pid).Run()
		}
		eventually(t, 20*time.Second, "the end of the shims", func() bool { return len(c.shims()) == 0 })
	})
	return c
}

// shims are the processes of the shims that serve.
func (c *ownContainerd) shims() []string {
	out, _ := exec.Command("pgrep", "-f", "containerd-shim-wasmfile-v1 -namespace .* -address "+c.address+"$").Output()
	return strings.Fields(string(out))
}

// TestSharedShim: given an administrator who wants it, containers that start and
// end at the same time share a shim, which outlives containerd and, for a while,
// its containers; those of a pod have their own.
func TestSharedShim(t *testing.T) {
	ref := publishSleeper(t)
	c := startSharing(t, "")
	c.pull(ref)
	first := unique("first")
	pid := c.run(ref, first, "a", "sleep", "300")
	shims := c.shims()
	if len(shims) != 1 {
		t.Fatalf("the shims of one container: %v", shims)
	}
	prefix := unique("burst")
	burst := func() {
		t.Helper()
		var clients sync.WaitGroup
		for range 6 {
			clients.Go(func() {
				id := unique(prefix) // which the next one has as soon as one is deleted
				for range 4 {
					args := c.ctr("run", "--rm", "--runtime", runtimeName, ref, id, "b")
					if out, err := untimed(args...); err == nil || err.Error() != "exit status 7" {
						t.Errorf("a guest that ends with 7: %v: %s", err, out)
					}
				}
			})
		}
		clients.Wait()
		if got := c.shims(); !slices.Equal(got, shims) {
			t.Errorf("the shims are %v, not %v", got, shims)
		}
	}
	burst()
	c.kill()
	c.start()
	if got := c.task(first); got[0] != pid || got[1] != "RUNNING" {
		t.Errorf("%s is now %v, it was %s", first, got, pid)
	}
	burst()

	group := unique("group")
	must(t, c.ctr("run", "-d", "--runtime", runtimeName, "--annotation", "io.containerd.runc.v2.group=g", ref, group, "a", "sleep", "300")...)
	if got := c.shims(); len(got) != 2 || !slices.Contains(got, shims[0]) {
		t.Errorf("the shims with a group are %v, without %v", got, shims)
	}
	must(t, c.ctr("tasks", "rm", "--force", group)...)
	must(t, c.ctr("tasks", "rm", "--force", first)...)
	burst() // It has had no container for a moment.
	if left := traces(t, []string{first, group, prefix}); len(left) > 0 {
		t.Errorf("left: %s", strings.Join(left, "\n"))
	}
	passMinutes(t, shims[0])
	eventually(t, time.Minute, "the end of a shim without containers", func() bool { return len(c.shims()) == 0 })
	exits7(t, c.ctr("run", "--rm", "--runtime", runtimeName, ref, unique("late"), "b")...)
	if got := c.shims(); len(got) != 1 {
		t.Errorf("the shims of a container later: %v", got)
	}
}

// passMinutes has a shim see that nobody was given its address for minutes.
func passMinutes(t *testing.T, pid string) {
	t.Helper()
	environment := readFile(t, "/proc/"+pid+"/environ")
	for variable := range strings.SplitSeq(environment, "\x00") {
		if lock, ok := strings.CutPrefix(variable, "WASMFILE_SHIM_LOCK="); ok {
			then := time.Now().Add(-5 * time.Minute)
			if err := os.Chtimes(lock, then, then); err != nil {
				t.Fatal(err)
			}
			return
		}
	}
	t.Fatalf("shim %s is not told where its lock is: %q", pid, environment)
}

// TestSharedShimIsKilled: given a shared shim that is killed, its containers
// are gone with it, whole, and others get another.
func TestSharedShimIsKilled(t *testing.T) {
	ref := publishSleeper(t)
	c := startSharing(t, "")
	c.pull(ref)
	var ids []string
	for range 3 {
		ids = append(ids, unique("killed"))
		c.run(ref, ids[len(ids)-1], "a", "sleep", "300")
	}
	shims := c.shims()
	if len(shims) != 1 {
		t.Fatalf("the shims of three containers: %v", shims)
	}
	must(t, "kill", "-9", shims[0])
	for _, id := range ids {
		c.remove(id, 0)
	}
	after := unique("after")
	c.run(ref, after, "a", "sleep", "300")
	if got := c.shims(); len(got) != 1 || got[0] == shims[0] {
		t.Errorf("the shims are %v, %v was killed", got, shims)
	}
	must(t, c.ctr("tasks", "rm", "--force", after)...)
}

// TestSharedShimKeepsNothing: given containers that end in all ways, the shim that they
// share has no more open files and mounts than before them.
func TestSharedShimKeepsNothing(t *testing.T) {
	ref := publishTwo(t)
	c := startSharing(t, "")
	c.pull(ref)
	stays := unique("stays")
	c.run(ref, stays, "a", "sleep", "300")
	shims := c.shims()
	if len(shims) != 1 {
		t.Fatalf("the shims of one container: %v", shims)
	}
	open := func() (names []string) {
		entries, err := os.ReadDir("/proc/" + shims[0] + "/fd")
		if err != nil {
			t.Fatal(err)
		}
		for _, entry := range entries {
			if name, err := os.Readlink("/proc/" + shims[0] + "/fd/" + entry.Name()); err == nil {
				kind, _, _ := strings.Cut(name, ":[") // Sockets and pipes have numbers.
				names = append(names, kind)
			}
		}
		mounts, err := os.ReadFile("/proc/" + shims[0] + "/mountinfo")
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(mounts)) {
			if strings.Contains(line, c.dir) {
				names = append(names, "a mount")
			}
		}
		return names
	}
	lives := func() {
		t.Helper()
		run := func(args ...string) {
			id := unique("ends")
			_, _ = untimed(c.ctr(append([]string{"run", "--rm", "--runtime", runtimeName, ref, id}, args...)...)...)
			_, _ = untimed(c.ctr("containers", "rm", id)...) // Of what could not be started.
		}
		run("b")
		run("a", "echo", "x")
		run("a", "trap")
		run("nosuch")
		run("a#nosuch")
		_, _ = untimed(c.ctr("tasks", "exec", "--exec-id", unique("exec"), stays, "b")...)
		_, _ = untimed(c.ctr("tasks", "exec", "--exec-id", unique("exec"), stays, "a", "trap")...)
		_, _ = untimed(c.ctr("tasks", "exec", "--exec-id", unique("exec"), stays, "nosuch")...)
		id := unique("killed")
		c.run(ref, id, "a", "sleep", "300")
		_, _ = untimed(c.ctr("tasks", "exec", "-d", "--exec-id", "x", id, "a", "sleep", "300")...)
		must(t, c.ctr("tasks", "rm", "--force", id)...)
		must(t, c.ctr("containers", "rm", id)...)
	}
	lives()
	before := open()
	for range 3 {
		lives()
	}
	var left []string
	if !holds(t, 20*time.Second, func() bool { left = more(open(), before); return len(left) == 0 }) {
		t.Errorf("the shim keeps %q", left)
	}
	if got := c.shims(); !slices.Equal(got, shims) {
		t.Errorf("the shims are %v, not %v", got, shims)
	}
	must(t, c.ctr("tasks", "rm", "--force", stays)...)
}
