package command

import (
	"bytes"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/containerd/nerdctl/v2/pkg/config"
)

// complete is what a shell is answered.
func complete(t *testing.T, words ...string) string {
	t.Helper()
	var stdout, stderr bytes.Buffer
	if code := Execute("nerdctl wasm", append([]string{"__complete"}, words...), &stdout, &stderr); code != 0 {
		t.Errorf("%q: exit code %d: %s", words, code, stderr.String())
	}
	if said := stderr.String(); strings.Count(said, "\n") != 1 || !strings.HasPrefix(said, "Completion ended") {
		t.Errorf("%q: standard error says %q", words, said)
	}
	return stdout.String()
}

// TestCompletesFlags: given a flag whose values are known, they are offered and no files.
func TestCompletesFlags(t *testing.T) {
	nowhere := filepath.Join(t.TempDir(), "containerd.sock")
	for line, want := range map[string]string{
		"run --pull |":           "always\nmissing\nnever\n:4\n",
		"run --restart |":        "no\nalways\non-failure\nunless-stopped\n:4\n",
		"image pull --unpack |":  "auto\ntrue\nfalse\n:4\n",
		"ps --format |":          "json\ntable\n:4\n",
		"inspect --mode |":       "table\nnative\ndockercompat\n:4\n",
		"pull --platform |":      "wasip2/wasm\nwasip1/wasm\nwasip3/wasm\nwasi/wasm\n:4\n",
		"--cgroup-manager |":     "cgroupfs\nsystemd\nnone\n:4\n",
		"run --network |":        "host\nnone\n:4\n",
		"--namespace |":          ":5\n",
		"run --name |":           ":0\n",
		"--address x://y images": "images\tList artifacts\n:4\n",
		"run |":                  ":1\n",
	} {
		words := append([]string{"--address", nowhere, "--cni-netconfpath", t.TempDir()}, strings.Fields(strings.ReplaceAll(line, "|", ""))...)
		if strings.HasSuffix(line, "|") {
			words = append(words, "")
		}
		if got := complete(t, words...); got != want {
			t.Errorf("%s is answered with %q, not %q", line, got, want)
		}
	}
}

// TestCompletionDoesNotHang: given a containerd that does not answer, a completion does.
func TestCompletionDoesNotHang(t *testing.T) {
	address := filepath.Join(t.TempDir(), "containerd.sock")
	listener, err := net.Listen("unix", address)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	begun := time.Now()
	if got := complete(t, "--address", address, "run", ""); got != ":1\n" {
		t.Errorf("the answer is %q", got)
	}
	if took := time.Since(begun); took > 4*completionTimeout {
		t.Errorf("it took %s", took)
	}
}

// TestScriptNeedsNoContainerd: given an ordinary user without a containerd, the scripts of
// completion can be had.
func TestScriptNeedsNoContainerd(t *testing.T) {
	root := newRoot("nerdctl wasm", &globals{config: config.New()})
	root.InitDefaultCompletionCmd("completion")
	for _, line := range []string{"completion bash", "completion fish", "version"} {
		cmd, _, err := root.Find(strings.Fields(line))
		if err != nil || needsContainerd(cmd) {
			t.Errorf("%s: %v, or it needs containerd", line, err)
		}
	}
}

// TestSuggestions: given a verb that is nearly one, the error says which may be meant.
func TestSuggestions(t *testing.T) {
	for line, want := range map[string]string{"rnu x": "run", "puhs": "push", "system chekc": "check", "frobnicate": ""} {
		var stdout, stderr bytes.Buffer
		if code := Execute("nerdctl wasm", strings.Fields(line), &stdout, &stderr); code != failure {
			t.Errorf("%s: exit code %d", line, code)
		}
		_, meant, suggests := strings.Cut(stderr.String(), "Did you mean this?")
		if suggests != (want != "") || !strings.Contains(meant, want) {
			t.Errorf("%s: %s", line, stderr.String())
		}
	}
}
