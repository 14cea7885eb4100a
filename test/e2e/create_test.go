package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestCreate: given an artifact, create makes a container that has not run, and
// that nerdctl starts.
func TestCreate(t *testing.T) {
	name := unique("created")
	id := must(t, "nerdctl", "wasm", "create", "-q", "--name", name, "--net", "none", probe(t, "component"), "echo", "started later")
	defer try(t, "nerdctl", "rm", "-f", name)
	if out := must(t, "nerdctl", "ps", "-a", "--no-trunc", "--filter", "name="+name, "--format", "{{.ID}} {{.Status}}"); out != id+" Created" {
		t.Errorf("it is %q", out)
	}
	if r := try(t, "nerdctl", "wasm", "start", "-a", name); r.code != 0 || r.stdout != "started later\n" {
		t.Errorf("exit code %d, %q", r.code, r.all())
	}
}

// TestInvoke: given the name of an export, run calls that.
func TestInvoke(t *testing.T) {
	ref := publishGuest(t, "add")
	for _, call := range []string{"add(40, 2)", "guest#add(40, 2)", "guest.wasm#add(40, 2)"} {
		if out := must(t, wasmRun("--net", "none", "--invoke", call, ref)...); out != "42" {
			t.Errorf("%s is %q", call, out)
		}
	}
	fails(t, []string{"other", "a.wasm", "b.wasm"}, wasmRun("--invoke", "other#f", publishTwo(t))...)
}

// TestRunFile: given a file instead of an image's name, run does the same with
// it, and afterwards containerd has nothing of it.
func TestRunFile(t *testing.T) {
	dir := write(t, map[string]string{
		"guest.wasm": string(neverSeen(guest(t, "probe.component"))),
		"Wasmfile":   "FROM scratch\nCOPY Wasmfile /etc/note\nCOMPONENT guest.wasm\nENV COLOUR=blue\nENTRYPOINT [\"guest\"]\n",
	})
	layout, archive := filepath.Join(dir, "layout"), filepath.Join(dir, "artifact.tar")
	must(t, "nerdctl", "wasm", "build", "-q", "-o", layout, dir)
	must(t, "nerdctl", "wasm", "build", "-q", "-o", "type=tar,dest="+archive, dir)
	namespace := unique("file")
	defer removeNamespace(t, namespace)
	in := []string{"nerdctl", "--namespace", namespace, "wasm"}
	// A container keeps the component, whose code those after it then need not compile.
	name := unique("file")
	must(t, append(in, "run", "-d", "--name", name, "--net", "none", archive, "sleep", "300")...)
	for _, c := range []struct{ file, colour string }{{filepath.Join(dir, "guest.wasm"), ""}, {layout, "blue"}, {archive, "blue"}, {"oci-layout://" + layout, "blue"}} {
		run := append(in, "run", "--rm", "--net", "none", c.file)
		if r := try(t, append(run, "echo", "from a file")...); r.code != 0 || r.stdout != "from a file\n" {
			t.Errorf("%s: exit code %d, %q", c.file, r.code, r.all())
		}
		if out := must(t, append(run, "env", "COLOUR")...); out != c.colour {
			t.Errorf("%s: COLOUR is %q, not %q", c.file, out, c.colour)
		}
	}
	if out := must(t, append(in, "run", "--rm", "--net", "none", layout, "read", "/etc/note")...); !strings.Contains(out, "COMPONENT") {
		t.Errorf("the file of the layout is %q", out)
	}
	// Relative names, also without ./ for a .wasm file.
	for _, file := range []string{"guest.wasm", "./guest.wasm", "./layout", "artifact.tar"} {
		if r := (command{args: append(in, "run", "--rm", "--net", "none", file, "echo", "x"), dir: dir}).run(t); r.stdout != "x\n" {
			t.Errorf("%s: exit code %d, %q", file, r.code, r.all())
		}
	}
	// A container of a file can be stopped and started again.
	nerdctl := []string{"nerdctl", "--namespace", namespace}
	must(t, append(nerdctl, "stop", name)...)
	must(t, append(nerdctl, "start", name)...)
	if out := must(t, append(nerdctl, "inspect", "--format", "{{.State.Status}}", name)...); out != "running" {
		t.Errorf("started again it is %s", out)
	}
	if out := must(t, "ctr", "-n", namespace, "images", "ls", "-q"); out != "" {
		t.Errorf("there are images: %s", out)
	}
	must(t, append(nerdctl, "rm", "-f", name)...)
	eventually(t, 20*time.Second, "that the garbage is collected", func() bool {
		return try(t, "ctr", "-n", namespace, "content", "ls", "-q").stdout == ""
	})
	nothingLeft(t, namespace)
}

// TestRunFileRefuses: given a path that leads to nothing that can be run, the
// error says what it has to be, and nothing is kept.
func TestRunFileRefuses(t *testing.T) {
	dir := write(t, map[string]string{"text.wasm": "no", "text.tar": "no", "cut.wasm": "\x00asm\x0d\x00\x01\x00\x01\x7f"})
	if err := os.Mkdir(filepath.Join(dir, "empty"), 0o755); err != nil {
		t.Fatal(err)
	}
	namespace := unique("file")
	defer removeNamespace(t, namespace)
	for file, says := range map[string]string{
		"text.wasm": "a .wasm file, or an OCI image layout",
		"text.tar":  "OCI image layout",
		"empty":     "OCI image layout",
		"gone.wasm": "there is no file",
		"cut.wasm":  "cut.wasm",
	} {
		fails(t, []string{says}, "nerdctl", "--namespace", namespace, "wasm", "run", "--rm", filepath.Join(dir, file))
	}
	nothingLeft(t, namespace)
}
