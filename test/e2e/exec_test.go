package e2e

import (
	"strings"
	"testing"
)

// execs are the ways to add a process to a running container.
var execs = []struct {
	tool string
	exec func(container string, args ...string) []string
	// code is what the tool ends with when the process ended with 7.
	code int
}{
	{"docker", func(container string, args ...string) []string {
		return append([]string{"docker", "exec", container}, args...)
	}, 7},
	{"nerdctl", func(container string, args ...string) []string {
		return append([]string{"nerdctl", "exec", container}, args...)
	}, 1}, // whatever the process's is
	{"ctr", func(container string, args ...string) []string {
		return append([]string{"ctr", "tasks", "exec", "--exec-id", unique("exec"), container}, args...)
	}, 7},
}

// sleeper starts a container of two components, by the tool or, for ctr, by
// nerdctl, that does nothing until the end of the test.
func sleeper(t *testing.T, tool, ref string, flags ...string) (id string) {
	t.Helper()
	name := unique("sleeper")
	if tool == "docker" {
		must(t, "docker", "pull", "-q", "--platform", platform(ref), ref)
		flags = append([]string{"docker", "run", "-d", "--name", name, "--runtime", runtimeName, "--platform", platform(ref)}, flags...)
	} else {
		tool = "nerdctl"
		flags = append([]string{"nerdctl", "wasm", "run", "-d", "-q", "--name", name, "--net", "none"}, flags...)
	}
	must(t, append(flags, ref, "sleep", "300")...)
	t.Cleanup(func() { removeGuest(t, tool, name) })
	return must(t, tool, "inspect", "--format", "{{.Id}}", name)
}

// TestExec: given a running container, another component of its image, the
// same one again, and nothing that is not in it, can be run in it, with the
// container's files, environment, namespaces and cgroups.
func TestExec(t *testing.T) {
	ref := publishTwo(t)
	for _, c := range execs {
		t.Run(c.tool, func(t *testing.T) {
			volume := t.TempDir()
			id := sleeper(t, c.tool, ref, "-e", "COLOUR=blue", "-v", volume+":/data")
			for range 2 { // the second finds the code where the first put it
				if r := try(t, c.exec(id, "b")...); r.code != c.code {
					t.Errorf("the other component ends with %d: %s", r.code, r.all())
				}
			}
			if out := must(t, c.exec(id, "a", "echo", "once", "more")...); out != "once more" {
				t.Errorf("the same component prints %q", out)
			}
			if out := must(t, c.exec(id, "a.wasm", "env", "COLOUR")...); out != "blue" {
				t.Errorf("the environment has %q", out)
			}
			must(t, c.exec(id, "a", "write", "/data/note", "x")...)
			if out := must(t, c.exec(id, "a", "walk", "/data")...); !strings.Contains(out, "/data/note") {
				t.Errorf("it sees %q", out)
			}
			if out := must(t, c.exec(id, "a", "walk", "/")...); strings.Contains(out, "wasm") || strings.Contains(out, "exec") {
				t.Errorf("it sees the engine:\n%s", out)
			}
			fails(t, []string{"no program", "a.wasm, b.wasm"}, c.exec(id, "sh")...)
			fails(t, []string{"nosuch"}, c.exec(id, "a#nosuch")...)
		})
	}
}

// TestExecWithInput: given an exec with standard input, the guest reads it to
// the end.
func TestExecWithInput(t *testing.T) {
	id := sleeper(t, "docker", publishTwo(t))
	input := strings.Repeat("0123456789", 100_000)
	r := command{args: []string{"docker", "exec", "-i", id, "a", "cat"}, stdin: strings.NewReader(input)}.run(t)
	if r.code != 0 || r.stdout != input {
		t.Errorf("exit code %d, %d bytes of %d: %s", r.code, len(r.stdout), len(input), r.stderr)
	}
}

// TestExecOfServer: given a component that handles HTTP, it is not served a
// second time by an exec, which says what can be done.
func TestExecOfServer(t *testing.T) {
	ref := publish(t, "http")
	must(t, "docker", "pull", "-q", "--platform", platform(ref), ref)
	name := unique("web")
	must(t, "docker", "run", "-d", "--name", name, "--runtime", runtimeName, "--platform", platform(ref), ref)
	defer try(t, "docker", "rm", "-f", name)
	fails(t, []string{"handles HTTP", "#func"}, "docker", "exec", name, "http")
}
