package e2e

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestComposeExample: given a compose file with a Wasm service and a native one,
// compose starts both, each reaches the other by name, and down removes them.
func TestComposeExample(t *testing.T) {
	ref, port, project := publish(t, "http"), freePort(t), unique("compose")
	must(t, "nerdctl", "wasm", "pull", "-q", ref)
	nativeImage(t)
	compose := func(args ...string) result {
		return command{
			args: append([]string{"nerdctl", "wasm", "compose", "-p", project}, args...), dir: example("compose"),
			env: []string{"HELLO_IMAGE=" + ref, "NATIVE_IMAGE=" + busybox(), "PORT=" + port},
		}.run(t)
	}
	defer compose("down")
	if r := compose("up", "-d"); r.code != 0 {
		t.Fatalf("exit code %d: %s", r.code, r.all())
	}
	eventually(t, 20*time.Second, "an answer", func() bool {
		status, body := get("http://127.0.0.1:" + port + "/welcome")
		return status == http.StatusOK && strings.Contains(body, "you asked for /welcome")
	})
	eventually(t, 20*time.Second, "the answer to the native service", func() bool {
		return strings.Contains(compose("logs", "page").stdout, "you asked for /from-the-page")
	})
	if out := must(t, "nerdctl", "wasm", "ps", "--filter", "label=com.docker.compose.project="+project, "--format", "{{.Component}} {{.WASI}}"); out != "http.wasm 0.2" {
		t.Errorf("ps shows %q", out)
	}
	if r := compose("down"); r.code != 0 {
		t.Errorf("exit code %d: %s", r.code, r.all())
	}
	if out := must(t, "nerdctl", "ps", "-aq", "--filter", "label=com.docker.compose.project="+project); out != "" {
		t.Errorf("left is %s", out)
	}
}
