package e2e

import (
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestDockerComposeExample: given the compose file of the example and Docker,
// both services start and reach each other by name, the Wasm one is started
// again when its process dies, and down removes them with their network.
func TestDockerComposeExample(t *testing.T) {
	ref, port, project := publish(t, "http"), freePort(t), unique("compose")
	must(t, "docker", "pull", "-q", "--platform", platform(ref), ref)
	must(t, "docker", "pull", "-q", busybox())
	again := filepath.Join(write(t, map[string]string{"again.yaml": "services: {hello: {restart: always}}\n"}), "again.yaml")
	line := command{
		args: []string{"docker", "compose", "-p", project, "-f", example("compose/compose.yaml"), "-f", again},
		env:  []string{"HELLO_IMAGE=" + ref, "NATIVE_IMAGE=" + busybox(), "PORT=" + port},
	}
	compose := func(args ...string) string {
		t.Helper()
		c := line
		c.args = append(c.args[:len(c.args):len(c.args)], args...)
		r := c.run(t)
		if r.code != 0 {
			t.Fatalf("%q: exit code %d: %s", args, r.code, r.all())
		}
		return r.stdout
	}
	labelled := func(kind ...string) string {
		return must(t, append(append([]string{"docker"}, kind...), "-q", "--filter", "label=com.docker.compose.project="+project)...)
	}
	answers := func() bool {
		status, body := get("http://127.0.0.1:" + port + "/welcome")
		return status == http.StatusOK && strings.Contains(body, "you asked for /welcome")
	}
	t.Cleanup(func() {
		// The test's context has ended, and a second down finds nothing.
		c := append([]string{"env"}, append(line.env, line.args...)...)
		if out, err := untimed(append(c, "down")...); err != nil {
			t.Errorf("compose down: %v: %s", err, out)
		}
	})
	compose("up", "-d")
	eventually(t, 20*time.Second, "an answer", answers)
	eventually(t, 20*time.Second, "the answer to the native service", func() bool {
		return strings.Contains(compose("logs", "page"), "you asked for /from-the-page")
	})
	if out := compose("ps", "--format", "{{.Service}} {{.State}}"); !strings.Contains(out, "hello running") || !strings.Contains(out, "page running") {
		t.Errorf("ps shows %q", out)
	}

	hello := strings.TrimSpace(compose("ps", "-q", "hello"))
	must(t, "kill", "-9", must(t, "docker", "inspect", "--format", "{{.State.Pid}}", hello))
	eventually(t, 20*time.Second, "a restart", func() bool {
		return must(t, "docker", "inspect", "--format", "{{.RestartCount}} {{.State.Status}}", hello) == "1 running"
	})
	eventually(t, 20*time.Second, "an answer after the restart", answers)

	compose("down")
	if left := labelled("ps", "-a") + labelled("network", "ls"); left != "" {
		t.Errorf("left is %s", left)
	}
	if answers() {
		t.Error("something still answers")
	}
}
