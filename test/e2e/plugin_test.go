package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// wasmRun is `nerdctl wasm run` with flags for a container that goes away.
func wasmRun(flags ...string) []string {
	return append([]string{"nerdctl", "wasm", "run", "--rm", "-q"}, flags...)
}

// TestRunFlags: given a flag of run whose effect depends on its value, the guest sees it.
// TestEveryRunFlag has them all.
func TestRunFlags(t *testing.T) {
	ref, two := probe(t, "component"), publishTwo(t)
	cases := []struct {
		name string
		args []string
		out  string
		code int
	}{
		{"--net host", wasmRun("--net", "host", ref, "args", "x"), "x", 0},
		{"--annotation", wasmRun("--annotation", "io.github.wasmfile.network=allow", ref, "args", "x"), "x", 0},
		{"--annotation, of a core module", wasmRun("--annotation", "io.github.wasmfile.network=allow", probe(t, "module"), "args", "x"), "x", 0},
		{"--entrypoint", wasmRun("--entrypoint", "b", two), "", 7},
		{"the image's entrypoint", wasmRun(two, "args", "x"), "x", 0},
		{"within --memory", wasmRun("--memory", "512m", ref, "alloc", "10"), "10", 0},
		{"over --memory", wasmRun("--memory", "96m", "--memory-swap", "96m", ref, "alloc", "400"), "", 137},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := try(t, c.args...)
			if strings.TrimSpace(r.stdout) != c.out || r.code != c.code {
				t.Errorf("exit code %d, %q; want %d, %q\n%s", r.code, r.stdout, c.code, c.out, r.stderr)
			}
		})
	}
}

// TestAnnotationsCannotBeForged: given an annotation that tells the shim what
// to run, run refuses it.
func TestAnnotationsCannotBeForged(t *testing.T) {
	ref := probe(t, "component")
	for _, annotation := range []string{"io.github.wasmfile.layers=[]", "io.github.wasmfile.manifest={}", componentType + "=sha256:" + strings.Repeat("0", 64)} {
		name, _, _ := strings.Cut(annotation, "=")
		fails(t, []string{name}, wasmRun("--annotation", annotation, ref)...)
	}
}

// TestContainerIsAnOrdinaryOne: given a container that runs in the background,
// nerdctl itself can do with it what it does with others.
func TestContainerIsAnOrdinaryOne(t *testing.T) {
	ref, name := probe(t, "component"), unique("ordinary")
	id := must(t, "nerdctl", "wasm", "run", "-d", "-q", "--name", name, "--label", "who=test", ref, "sleep", "300")
	defer try(t, "nerdctl", "rm", "-f", name)
	if out := must(t, "nerdctl", "ps", "--no-trunc", "--filter", "name="+name, "--format", "{{.ID}} {{.Image}}"); out != id+" "+ref {
		t.Errorf("ps shows %q, not %q", out, id+" "+ref)
	}
	if out := must(t, "nerdctl", "inspect", "--format", `{{.State.Running}} {{index .Config.Labels "who"}}`, name); out != "true test" {
		t.Errorf("inspect shows %q", out)
	}
	if out := must(t, "nerdctl", "stats", "--no-stream", "--format", "{{.Name}} {{.PIDs}}", name); !strings.HasPrefix(out, "ordinary") || strings.HasSuffix(out, " 0") {
		t.Errorf("stats shows %q", out)
	}
	must(t, "nerdctl", "pause", name)
	must(t, "nerdctl", "unpause", name)
	must(t, "nerdctl", "stop", name)
	if out := must(t, "nerdctl", "inspect", "--format", "{{.State.Status}} {{.State.ExitCode}}", name); out != "exited 143" {
		t.Errorf("after stop it is %q", out)
	}
	must(t, "nerdctl", "start", name)
	must(t, "nerdctl", "rm", "-f", name)
	if out := must(t, "nerdctl", "ps", "-aq", "--filter", "name="+name); out != "" {
		t.Errorf("after rm there is %q", out)
	}
}

// TestLogs: given a guest in the background, its output is in the logs.
func TestLogs(t *testing.T) {
	ref, name := probe(t, "module"), unique("logs")
	must(t, "nerdctl", "wasm", "run", "-d", "-q", "--name", name, ref, "args", "for", "the", "record")
	defer try(t, "nerdctl", "rm", "-f", name)
	must(t, "nerdctl", "wait", name)
	eventually(t, 5*time.Second, "the log", func() bool {
		return try(t, "nerdctl", "logs", name).stdout == "for\nthe\nrecord\n"
	})
}

// TestDispatch: given the link named nerdctl, everything but wasm is the real
// nerdctl's, exit codes included.
func TestDispatch(t *testing.T) {
	if out := must(t, "nerdctl", "--version"); out != "nerdctl version 2.3.5" {
		t.Errorf("--version is %q", out)
	}
	if r := try(t, "nerdctl", "run", "--rm", busybox(), "sh", "-c", "exit 42"); r.code != 42 {
		t.Errorf("exit code %d, not 42: %s", r.code, r.all())
	}
	if out, want := must(t, "nerdctl", "--namespace", "default", "wasm", "version"), must(t, "nerdctl-wasm", "version"); out != want {
		t.Errorf("wasm version is %q, not %q", out, want)
	}
	// Without a real nerdctl behind it, the link says so.
	bin := t.TempDir()
	plugin, err := filepath.Abs(filepath.Join("..", "..", "bin", "nerdctl-wasm"))
	if err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(bin, "nerdctl")
	if err := os.Symlink(plugin, link); err != nil {
		t.Fatal(err)
	}
	r := command{args: []string{link, "ps"}, env: []string{"PATH=" + bin}}.run(t)
	if r.code == 0 || !strings.Contains(r.stderr, "no other nerdctl comes after it in PATH") {
		t.Errorf("exit code %d: %s", r.code, r.all())
	}
}

// TestHelpTeaches: given --help, every verb has an example.
func TestHelpTeaches(t *testing.T) {
	for _, verb := range []string{"run", "create", "pull", "push", "build", "inspect", "ps", "images", "history", "diff", "convert", "save", "load", "import", "export", "cp", "attach", "rename", "healthcheck", "prune", "system check"} {
		if out := must(t, append(append([]string{"nerdctl", "wasm"}, strings.Fields(verb)...), "--help")...); !strings.Contains(out, "Examples:") {
			t.Errorf("%s --help has no examples:\n%s", verb, out)
		}
	}
}
