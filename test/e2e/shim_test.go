package e2e

import (
	"strings"
	"testing"
)

// TestNativeContainersAreRuncs: given an ordinary image and our runtime, runc
// runs it.
func TestNativeContainersAreRuncs(t *testing.T) {
	must(t, "docker", "pull", "-q", busybox())
	r := try(t, "docker", "run", "--rm", "--runtime", runtimeName, busybox(), "sh", "-c", "echo native; exit 3")
	if r.stdout != "native\n" || r.code != 3 {
		t.Errorf("exit code %d, %q", r.code, r.all())
	}
}

// TestCompiledCodeLivesAndDiesWithTheComponent: given a component that was
// started, its code is in the content store, is used again, and goes with the
// image.
func TestCompiledCodeLivesAndDiesWithTheComponent(t *testing.T) {
	component := neverSeen(guest(t, "exit"))
	ref := publishDir(t, unique("code"), write(t, map[string]string{
		"guest.wasm": string(component),
		"Wasmfile":   "FROM scratch\nCOMPONENT guest.wasm\nENTRYPOINT [\"guest\"]\n",
	}))
	namespace := unique("code")
	defer removeNamespace(t, namespace)
	in := []string{"nerdctl", "--namespace", namespace, "wasm"}
	blobs := func() int { return len(strings.Fields(must(t, "ctr", "-n", namespace, "content", "ls", "-q"))) }

	must(t, append(in, "pull", "-q", ref)...)
	pulled := blobs()
	exits7(t, append(in, "run", "--rm", "-q", "--net", "none", ref)...)
	compiled := blobs()
	if compiled != pulled+1 {
		t.Errorf("%d blobs after the pull, %d after a run: want one more, the code", pulled, compiled)
	}
	exits7(t, append(in, "run", "--rm", "-q", "--net", "none", ref)...)
	if again := blobs(); again != compiled {
		t.Errorf("%d blobs after the first run, %d after the second", compiled, again)
	}
	must(t, "ctr", "-n", namespace, "images", "rm", "--sync", ref)
	nothingLeft(t, namespace)
}

// TestPod: given the CRI and the runtime handler wasmfile, a pod runs a Wasm
// container, and leaves its output in the log.
func TestPod(t *testing.T) {
	ref := probe(t, "component")
	must(t, "crictl", "pull", ref)
	p := newPodOf(t, inNetwork(nodeNetwork), []string{"crictl"})
	id := p.start("guest", ref, object{"args": []string{"args", "from", "a", "pod"}})
	p.ends(id)
	if out := p.do("logs", id); out != "from\na\npod" {
		t.Errorf("the log is %q", out)
	}
	if code := p.status(id, "exitCode"); code != "0" {
		t.Errorf("exit code %s", code)
	}
}

// TestShimErrors: given the name of no component, the error that the client shows says
// which there are.
func TestShimErrors(t *testing.T) {
	two := publishTwo(t)
	must(t, "docker", "pull", "-q", "--platform", platform(two), two)
	fails(t, []string{"nosuch", "a.wasm", "b.wasm"},
		"docker", "run", "--rm", "--runtime", runtimeName, "--platform", platform(two), "--entrypoint", "nosuch", two)
}

// TestNamesLikeFlags: given an entrypoint and a variable that begin as flags of
// the engine do, they are the guest's.
func TestNamesLikeFlags(t *testing.T) {
	ref := probe(t, "module")
	must(t, "docker", "pull", "-q", "--platform", platform(ref), ref)
	run := []string{"docker", "run", "--rm", "--runtime", runtimeName, "--platform", platform(ref), "-e", "-C=x", "--entrypoint", "--help", ref}
	if out := must(t, append(run, "args", "a")...); out != "a" {
		t.Errorf("the arguments are %q", out)
	}
	if out := must(t, append(run, "env", "-C")...); out != "x" {
		t.Errorf("the variable is %q", out)
	}
}

// TestNothingToStart: given a module and a component that only export what can be
// called, each client says so, where the engine would end with success.
func TestNothingToStart(t *testing.T) {
	const module = "\x00asm\x01\x00\x00\x00\x01\x04\x01\x60\x00\x00\x03\x02\x01\x00\x07\x05\x01\x01f\x00\x00\x0a\x04\x01\x02\x00\x0b"
	for _, content := range []string{module, string(guest(t, "add"))} {
		ref := publishDir(t, unique("library"), write(t, map[string]string{
			"guest.wasm": content, "Wasmfile": "FROM scratch\nCOMPONENT guest.wasm\nENTRYPOINT [\"guest\"]\n",
		}))
		for _, client := range clients {
			client.pull(t, ref)
			fails(t, []string{"guest.wasm has no start of its own", "guest.wasm#FUNC"}, client.run(ref, nil)...)
		}
	}
}

// TestCannotStart: given a module that imports what nobody provides, each client's
// last line says so.
func TestCannotStart(t *testing.T) {
	const module = "\x00asm\x01\x00\x00\x00\x01\x04\x01\x60\x00\x00\x02\x0d\x01\x03env\x05abort\x00\x00\x03\x02\x01\x00\x07\x0a\x01\x06_start\x00\x01\x0a\x04\x01\x02\x00\x0b"
	ref := publishDir(t, unique("imports"), write(t, map[string]string{
		"guest.wasm": module, "Wasmfile": "FROM scratch\nCOMPONENT guest.wasm\nENTRYPOINT [\"guest\"]\n",
	}))
	for _, client := range clients {
		client.pull(t, ref)
		r := try(t, client.run(ref, nil)...)
		const want = "\nwasmfile: component guest.wasm cannot be started: unknown import: `env::abort` has not been defined\n"
		if r.code != 1 || !strings.HasSuffix(r.stderr, want) {
			t.Errorf("%s: exit code %d, %q", client.name, r.code, r.stderr)
		}
	}
}

// TestMountsOfNativePlaces: given a tmpfs at /run and a file below /dev, which
// container engines mount for native programs too, a guest has those that somebody
// asked for.
func TestMountsOfNativePlaces(t *testing.T) {
	ref := probe(t, "component")
	must(t, "docker", "pull", "-q", "--platform", platform(ref), ref)
	file := write(t, map[string]string{"file": "mine"}) + "/file"
	run := []string{"docker", "run", "--rm", "--read-only", "--tmpfs", "/run", "-v", file + ":/dev/file:ro", "--runtime", runtimeName, "--platform", platform(ref), ref}
	must(t, append(run, "write", "/run/new", "x")...)
	if out := must(t, append(run, "read", "/dev/file")...); out != "mine" {
		t.Errorf("the file has %q", out)
	}
}
