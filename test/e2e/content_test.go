package e2e

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
)

// recorder is a proxy in front of the sandbox's registry that remembers which
// blobs and manifests were fetched.
type recorder struct {
	*httptest.Server
	mu      sync.Mutex
	fetched []string
	// onRequest, when it is not nil, sees every request.
	onRequest func(*http.Request)
}

func newRecorder(t *testing.T) *recorder {
	t.Helper()
	r := &recorder{}
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: registry()})
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.Method == http.MethodGet && (strings.Contains(req.URL.Path, "/blobs/") || strings.Contains(req.URL.Path, "/manifests/")) {
			r.mu.Lock()
			r.fetched = append(r.fetched, req.URL.Path[strings.LastIndex(req.URL.Path, "/")+1:])
			r.mu.Unlock()
		}
		if r.onRequest != nil {
			r.mu.Lock()
			r.onRequest(req)
			r.mu.Unlock()
		}
		proxy.ServeHTTP(w, req)
	}))
	t.Cleanup(r.Close)
	return r
}

// take returns what was fetched since the last call.
func (r *recorder) take() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	fetched := r.fetched
	r.fetched = nil
	return fetched
}

// ref names a repository of the sandbox's registry through the proxy.
func (r *recorder) ref(ref string) string {
	return r.Listener.Addr().String() + strings.TrimPrefix(ref, registry())
}

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
	proxy := newRecorder(t)
	clean := func() {
		for _, ref := range refs {
			try(t, "nerdctl", "rmi", "-f", proxy.ref(ref))
		}
	}
	clean()
	defer clean()

	namespace := []string{"--namespace", unique("share")} // nothing is there yet
	pull := func(ref string) []string {
		must(t, append(append([]string{"nerdctl"}, namespace...), "wasm", "pull", "-q", "--insecure-registry", proxy.ref(ref))...)
		return proxy.take()
	}
	defer removeNamespace(t, namespace[1])
	if first := pull(refs[0]); !slices.Contains(first, shared) {
		t.Fatalf("the first pull did not fetch the component: %v", first)
	}
	second := pull(refs[1])
	if slices.Contains(second, shared) {
		t.Errorf("the second pull fetched the component again: %v", second)
	}
	var blobs int
	for _, what := range second {
		if strings.HasPrefix(what, "sha256:") {
			blobs++
		}
	}
	if blobs > 2 {
		t.Errorf("the second pull fetched more than a manifest and a config: %v", second)
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
	try(t, "ctr", "-n", namespace, "content", "prune", "references")
	try(t, "ctr", "namespaces", "rm", namespace)
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
