package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// otherClients are ways to start a container of an image that do not go through
// the plugin, so that nothing in it says that it is Wasm. What they start sleeps.
var otherClients = []struct {
	name  string
	start func(t *testing.T, ref, name, component string)
}{
	{"nerdctl", func(t *testing.T, ref, name, component string) {
		must(t, "nerdctl", "run", "-d", "-q", "--pull", "never", "--runtime", runtimeName, "--net", "none", "--name", name,
			"--platform", platform(ref), "--entrypoint", component, ref, "sleep", "300")
	}},
	{"ctr", func(t *testing.T, ref, name, component string) {
		must(t, "ctr", "run", "-d", "--runtime", runtimeName, ref, name, component, "sleep", "300")
	}},
}

// nativeWithFile publishes an image for this machine, with a WebAssembly file.
func nativeWithFile(t *testing.T) string {
	t.Helper()
	dir := write(t, map[string]string{
		"guest.wasm": string(guest(t, "probe.component")), "note": "of the image\n",
		"Dockerfile": "FROM " + busybox() + "\nCOPY guest.wasm /bin/guest.wasm\nCOPY note /etc/note\n",
	})
	ref := registry() + "/e2e/" + unique("native") + ":latest"
	buildClassic(t, dir, "linux/amd64", "type=image,push=true,name="+ref)
	must(t, "nerdctl", "pull", "-q", ref)
	return ref
}

// TestGuestsOfOtherClients: given containers that other clients made, of an
// artifact, of an image for Wasm, and of an ordinary image of which they start a
// WebAssembly file, the plugin knows them all for guests: it lists them, and copies
// from and to their files while they run. A native container of that image is none.
func TestGuestsOfOtherClients(t *testing.T) {
	native := nativeWithFile(t)
	classic := pushClassic(t, "probe.component", "wasip2/wasm")
	layers := publishDir(t, "other-clients", write(t, map[string]string{
		"guest.wasm": string(guest(t, "probe.component")), "note": "of the image\n",
		"Wasmfile": "FROM scratch\nCOPY note /etc/note\nCOMPONENT guest.wasm\nENTRYPOINT [\"guest\"]\n",
	}))
	for _, ref := range []string{classic, layers} {
		must(t, "nerdctl", "wasm", "pull", "-q", ref)
	}
	file := filepath.Join(write(t, map[string]string{"in": "from outside\n"}), "in")
	for _, c := range otherClients {
		for what, image := range map[string]struct{ ref, component string }{
			"layers": {layers, "guest.wasm"}, "files": {classic, "/bin/guest.wasm"}, "native": {native, "/bin/guest.wasm"},
		} {
			t.Run(c.name+" "+what, func(t *testing.T) {
				name := unique("other")
				if c.name == "nerdctl" && what == "native" {
					must(t, "nerdctl", "run", "-d", "-q", "--runtime", runtimeName, "--net", "none", "--name", name, image.ref, image.component, "sleep", "300")
				} else {
					c.start(t, image.ref, name, image.component)
				}
				t.Cleanup(func() { removeGuest(t, c.name, name) })
				id := name
				if c.name == "nerdctl" {
					id = must(t, "nerdctl", "inspect", "--format", "{{.Id}}", name)
				}
				if out := must(t, "nerdctl", "wasm", "ps", "--no-trunc", "--format", "{{.ID}} {{.Component}}"); !strings.Contains(out+"\n", id+" "+image.component+"\n") {
					t.Errorf("ps shows\n%s\nwithout %s", out, id)
				}
				to := filepath.Join(t.TempDir(), "note")
				must(t, "nerdctl", "wasm", "cp", id+":/etc/note", to)
				if content, err := os.ReadFile(to); err != nil || len(content) == 0 {
					t.Errorf("the note is %q, %v", content, err)
				}
				must(t, "nerdctl", "wasm", "cp", file, id+":/etc/in")
				if out := must(t, "ctr", "tasks", "exec", "--exec-id", unique("exec"), id, image.component, "read", "/etc/in"); out != "from outside" {
					t.Errorf("the guest reads %q", out)
				}
			})
		}
	}
	name := unique("native")
	must(t, "nerdctl", "run", "-d", "-q", "--runtime", runtimeName, "--net", "none", "--name", name, native, "sleep", "300")
	defer removeGuest(t, "nerdctl", name)
	if out := must(t, "nerdctl", "wasm", "ps", "--format", "{{.Names}}"); strings.Contains(out, name) {
		t.Errorf("a native container is listed:\n%s", out)
	}
	to := filepath.Join(t.TempDir(), "note")
	must(t, "nerdctl", "wasm", "cp", name+":/etc/note", to)
}

// TestAttachToGuestOfAnotherClient: given a guest on a terminal that another client
// started of a file of an ordinary image, attach reaches it, and Ctrl-C ends it.
func TestAttachToGuestOfAnotherClient(t *testing.T) {
	name := unique("attached")
	first := onTerminal(t, "nerdctl", "run", "-it", "-q", "--runtime", runtimeName, "--net", "none", "--name", name, nativeWithFile(t), "/bin/guest.wasm", "cat")
	defer removeGuest(t, "nerdctl", name)
	first.types("zero\n")
	first.shows("zero\r\nzero\r\n")
	first.types("\x10\x11")
	first.ends(0)
	term := onTerminal(t, "nerdctl", "wasm", "attach", name)
	term.becomesRaw()
	term.types("one\n")
	term.shows("one\r\none\r\n")
	term.types("\x03")
	term.ends(130)
}

// removeGuest removes a container; the test's context may have ended.
func removeGuest(t *testing.T, client, name string) {
	t.Helper()
	commands := [][]string{{client, "rm", "-f", name}}
	if client == "ctr" {
		commands = [][]string{{"ctr", "tasks", "rm", "-f", name}, {"ctr", "containers", "rm", name}}
	}
	for _, args := range commands {
		if out, err := untimed(args...); err != nil {
			t.Errorf("remove %s: %v: %s", name, err, out)
		}
	}
}
