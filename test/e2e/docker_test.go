package e2e

import (
	"strings"
	"testing"
	"time"
)

// dockerRun is `docker run` of a guest that stays until the test's end.
func dockerRun(t *testing.T, ref string, flags []string, args ...string) (name string) {
	t.Helper()
	must(t, "docker", "pull", "-q", "--platform", platform(ref), ref)
	name = unique("docker")
	t.Cleanup(func() { removeGuest(t, "docker", name) })
	command := append([]string{"docker", "run", "-d", "--name", name, "--runtime", runtimeName, "--platform", platform(ref)}, flags...)
	must(t, append(append(command, ref), args...)...)
	return name
}

// TestDockerRestarts: given a restart policy, a guest that fails is started
// again as often as it says.
func TestDockerRestarts(t *testing.T) {
	name := dockerRun(t, probe(t, "module"), []string{"--restart", "on-failure:2"}, "exit", "7")
	state := func() string {
		return must(t, "docker", "inspect", "--format", "{{.RestartCount}} {{.State.ExitCode}} {{.State.Status}}", name)
	}
	eventually(t, 30*time.Second, "two restarts", func() bool { return state() == "2 7 exited" })
	must(t, "docker", "start", name)
	if code := must(t, "docker", "wait", name); code != "7" {
		t.Errorf("started again, it ends with %s", code)
	}
}

// TestDockerHealth: given a health check that names a component, Docker runs
// it in the guest's container, and tells when it fails.
func TestDockerHealth(t *testing.T) {
	for _, c := range []struct{ component, health string }{{"a.wasm", "healthy"}, {"b.wasm", "unhealthy"}} {
		ref := publishDir(t, "health-"+c.health, write(t, map[string]string{
			"a.wasm": string(guest(t, "probe.component")),
			"b.wasm": string(guest(t, "exit")),
			"Wasmfile": "FROM scratch\nCOMPONENT a.wasm b.wasm\n" +
				"HEALTHCHECK --interval=1s --retries=2 CMD [\"" + c.component + "\", \"echo\", \"well\"]\n" +
				"ENTRYPOINT [\"a\"]\nCMD [\"sleep\", \"300\"]\n",
		}))
		name := dockerRun(t, ref, nil)
		eventually(t, 30*time.Second, c.health, func() bool {
			return must(t, "docker", "inspect", "--format", "{{.State.Health.Status}}", name) == c.health
		})
	}
}

// TestDockerLogs: given a guest that writes to both streams, the logs have
// both, and can be followed to its end.
func TestDockerLogs(t *testing.T) {
	ref := probe(t, "component")
	if out := must(t, "docker", "logs", "-f", dockerRun(t, ref, nil, "echo", "to", "stdout")); out != "to stdout" {
		t.Errorf("the log is %q", out)
	}
	r := try(t, "docker", "logs", "-f", dockerRun(t, ref, nil, "stderr", "oops"))
	if r.stdout != "" || !strings.Contains(r.stderr, "oops") {
		t.Errorf("the log is %q, %q", r.stdout, r.stderr)
	}
}
