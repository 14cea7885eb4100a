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
	component := neverSeen(guest(t, "probe.component"))
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
	must(t, append(in, "run", "--rm", "-q", ref, "args", "x")...)
	compiled := blobs()
	if compiled != pulled+1 {
		t.Errorf("%d blobs after the pull, %d after a run: want one more, the code", pulled, compiled)
	}
	must(t, append(in, "run", "--rm", "-q", ref, "args", "x")...)
	if again := blobs(); again != compiled {
		t.Errorf("%d blobs after the first run, %d after the second", compiled, again)
	}
	must(t, "ctr", "-n", namespace, "images", "rm", "--sync", ref)
	nothingLeft(t, namespace)
}

// TestPod: given the CRI and the runtime handler wasmfile, a pod runs a Wasm
// container, and leaves its output in the log.
func TestPod(t *testing.T) {
	ref, name := probe(t, "component"), unique("pod")
	dir := write(t, map[string]string{
		"pod.json":       `{"metadata":{"name":"` + name + `","namespace":"default","uid":"` + name + `"},"log_directory":"/tmp/` + name + `","linux":{"security_context":{"namespace_options":{"network":2}}}}`,
		"container.json": `{"metadata":{"name":"guest"},"image":{"image":"` + ref + `"},"args":["args","from","a","pod"],"log_path":"guest.log","linux":{}}`,
	})
	must(t, "crictl", "pull", ref)
	pod := must(t, "crictl", "runp", "--runtime", "wasmfile", dir+"/pod.json")
	defer try(t, "crictl", "rmp", "-f", pod)
	container := must(t, "crictl", "create", "--no-pull", pod, dir+"/container.json", dir+"/pod.json")
	must(t, "crictl", "start", container)
	eventually(t, commandTimeout/10, "the container's end", func() bool {
		return strings.Contains(must(t, "crictl", "inspect", "-o", "go-template", "--template", "{{.status.state}}", container), "EXITED")
	})
	if out := must(t, "crictl", "logs", container); out != "from\na\npod" {
		t.Errorf("the log is %q", out)
	}
	if out := must(t, "crictl", "inspect", "-o", "go-template", "--template", "{{.status.exitCode}}", container); out != "0" {
		t.Errorf("exit code %s", out)
	}
}

// TestShimErrors: given what cannot run, the error that the client shows says
// why.
func TestShimErrors(t *testing.T) {
	two := publishTwo(t)
	must(t, "docker", "pull", "-q", "--platform", platform(two), two)
	fails(t, []string{"nosuch", "a.wasm", "b.wasm"},
		"docker", "run", "--rm", "--runtime", runtimeName, "--platform", platform(two), "--entrypoint", "nosuch", two)

	name := unique("exec")
	must(t, "docker", "run", "-d", "--name", name, "--runtime", runtimeName, "--platform", platform(two), two, "sleep", "60")
	defer try(t, "docker", "rm", "-f", name)
	fails(t, []string{"exec"}, "docker", "exec", name, "sh")
}
