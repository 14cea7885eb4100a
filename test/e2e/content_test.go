package e2e

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
)

// TestSharedComponentIsTransferredOnce: given two artifacts with a component
// in common, the second pull fetches its manifest and config only.
func TestSharedComponentIsTransferredOnce(t *testing.T) {
	content := string(neverSeen(guest(t, "probe.component")))
	shared := digest.FromString(content).String()
	var refs []string
	for _, name := range []string{"share-a", "share-b"} {
		refs = append(refs, publishDir(t, name, write(t, map[string]string{
			"probe.wasm": content,
			"Wasmfile":   "FROM scratch\nCOMPONENT probe.wasm\nENTRYPOINT [\"probe\"]\nLABEL artifact=" + name + "\n",
		})))
	}
	f := newFront(t, "127.0.0.1:0", false)
	clean := func() {
		for _, ref := range refs {
			try(t, "nerdctl", "rmi", "-f", f.ref(ref))
		}
	}
	clean()
	defer clean()

	namespace := []string{"--namespace", unique("share")} // nothing is there yet
	pull := func(ref string) {
		f.forget()
		must(t, append(append([]string{"nerdctl"}, namespace...), "wasm", "pull", "-q", "--insecure-registry", f.ref(ref))...)
	}
	defer removeNamespace(t, namespace[1])
	if pull(refs[0]); f.count("GET", shared) == 0 {
		t.Fatalf("the first pull did not fetch the component: %v", f.requests)
	}
	if pull(refs[1]); f.count("GET", shared) > 0 {
		t.Errorf("the second pull fetched the component again: %v", f.requests)
	}
	if f.count("GET", "/blobs/")+f.count("GET", "/manifests/sha256:") > 2 {
		t.Errorf("the second pull fetched more than a manifest and a config: %v", f.requests)
	}
	list := must(t, "ctr", "-n", namespace[1], "content", "ls", "-q")
	if n := strings.Count(list, shared); n != 1 {
		t.Errorf("the content store lists the component %d times", n)
	}
}

// neverSeen makes another component that does the same, by a custom section:
// containerd shares blobs between its namespaces, and one that it has already
// is not fetched at all.
func neverSeen(component []byte) []byte {
	section := "\x06unique" + rand.Text()
	return append(slices.Concat(component, []byte{0, byte(len(section))}), section...)
}

// TestContainerOutlivesItsImage: given a container whose image was removed,
// and garbage collection, it can be started again.
func TestContainerOutlivesItsImage(t *testing.T) {
	ref := publishDir(t, "gc", write(t, map[string]string{
		"probe.wasm": string(guest(t, "probe.component")),
		"motd":       "still here\n",
		"Wasmfile":   "FROM scratch\nCOPY motd /motd\nCOMPONENT probe.wasm\nENTRYPOINT [\"probe\"]\nLABEL only=gc\n",
	}))
	manifest := must(t, "crane", "digest", ref)
	namespace, name := unique("gc"), unique("gc")
	in := func(args ...string) []string { return append([]string{"nerdctl", "--namespace", namespace}, args...) }
	defer removeNamespace(t, namespace)
	must(t, in("wasm", "run", "-d", "-q", "--name", name, ref, "read", "/motd")...)
	must(t, in("wait", name)...)
	must(t, in("rmi", "-f", ref)...)
	must(t, "ctr", "-n", namespace, "content", "prune", "references")
	if out := must(t, "ctr", "-n", namespace, "images", "ls", "-q"); strings.Contains(out, ref) {
		t.Fatalf("the image is still there: %s", out)
	}
	if list := must(t, "ctr", "-n", namespace, "content", "ls", "-q"); !strings.Contains(list, manifest) {
		t.Errorf("the manifest %s is gone, and with it what the image exposes", manifest)
	}
	must(t, in("start", name)...)
	if code := must(t, in("wait", name)...); code != "0" {
		t.Errorf("exit code %s", code)
	}
	if logs := must(t, in("logs", name)...); strings.Count(logs, "still here") != 2 {
		t.Errorf("logs are %q", logs)
	}
}

// removeNamespace removes what a test left in a containerd namespace of its
// own.
func removeNamespace(t *testing.T, namespace string) {
	t.Helper()
	for _, list := range []struct{ ls, rm []string }{
		{[]string{"nerdctl", "--namespace", namespace, "ps", "-aq"}, []string{"nerdctl", "--namespace", namespace, "rm", "-f"}},
		{[]string{"ctr", "-n", namespace, "images", "ls", "-q"}, []string{"ctr", "-n", namespace, "images", "rm", "--sync"}},
	} {
		for _, id := range strings.Fields(try(t, list.ls...).stdout) {
			try(t, append(list.rm, id)...)
		}
	}
	releaseLeases(t, namespace)
	if r := try(t, "ctr", "namespaces", "rm", namespace); r.code != 0 {
		t.Errorf("remove the namespace: %s", r.all())
	}
	// The cgroup that its containers' were in, which nobody else removes.
	for _, controller := range cgroupControllers(t) {
		var err error
		if !holds(t, 10*time.Second, func() bool {
			err = os.Remove(filepath.Join(controller, namespace))
			return err == nil || errors.Is(err, fs.ErrNotExist)
		}) {
			t.Errorf("a container's cgroup is left: %v", err)
		}
	}
}

// servedBlob answers with these bytes whatever is asked for.
func servedBlob(w http.ResponseWriter, mediaType string, content []byte) {
	w.Header().Set("Content-Type", mediaType)
	w.Header().Set("Docker-Content-Digest", digest.FromBytes(content).String())
	_, _ = w.Write(content)
}
