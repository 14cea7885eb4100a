package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
)

// TestPullKilledAtAnyMoment: given pulls that are killed, there is never an
// image that is not whole, and nothing is left once their leases are gone.
func TestPullKilledAtAnyMoment(t *testing.T) {
	h := honest(t)
	ref := serveArtifact(t, h)
	namespace := unique("killed")
	defer removeNamespace(t, namespace)
	pull := []string{"nerdctl", "--namespace", namespace, "--insecure-registry", "wasm", "pull", "-q", ref}
	started := time.Now()
	must(t, pull...)
	whole := time.Since(started)
	for range 12 {
		forget(t, namespace)
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(rand.Int64N(int64(whole))))
		cmd := exec.CommandContext(ctx, pull[0], pull[1:]...) // which kills by SIGKILL
		_ = cmd.Run()
		cancel()
		if must(t, "ctr", "-n", namespace, "images", "ls", "-q") != "" {
			releaseLeases(t, namespace)
			wholeImage(t, namespace, h)
			exits7(t, "nerdctl", "--namespace", namespace, "wasm", "run", "--rm", "--pull", "never", "--net", "none", "--entrypoint", "small.wasm", ref)
			continue
		}
		if rand.IntN(2) == 0 { // another pull goes on with what is there
			must(t, pull...)
			releaseLeases(t, namespace)
			wholeImage(t, namespace, h)
			continue
		}
		releaseLeases(t, namespace)
		nothingLeft(t, namespace)
		if out := must(t, "ctr", "-n", namespace, "content", "active"); strings.Count(out, "\n") > 0 {
			t.Errorf("something is half-written: %s", out)
		}
	}
}

// forget removes the images of a namespace and their content.
func forget(t *testing.T, namespace string) {
	t.Helper()
	for _, name := range strings.Fields(must(t, "ctr", "-n", namespace, "images", "ls", "-q")) {
		must(t, "ctr", "-n", namespace, "images", "rm", name)
	}
	releaseLeases(t, namespace)
}

// releaseLeases does to the leases of processes that are gone what time does,
// and has garbage collected.
func releaseLeases(t *testing.T, namespace string) {
	t.Helper()
	for _, lease := range strings.Fields(must(t, "ctr", "-n", namespace, "leases", "ls", "-q")) {
		must(t, "ctr", "-n", namespace, "leases", "rm", lease)
	}
	collectGarbage(t, namespace)
}

// TestConcurrentPulls: given 50 pulls at once of artifacts that share
// components, all succeed, each component is fetched once, and no lease is left.
func TestConcurrentPulls(t *testing.T) {
	const pulls, artifacts, shared = 50, 5, 8
	var common []descriptor
	contents := make(map[string][]byte)
	blobs := &hostile{blobs: contents}
	probe := guest(t, "probe.component")
	for i := range shared {
		common = append(common, blobs.add(componentType, fmt.Sprintf("shared%d.wasm", i), neverSeen(probe)))
	}
	layers := slices.Clone(common)
	repositories := make(map[string]*hostile)
	for i := range artifacts {
		h := &hostile{blobs: contents}
		own := h.add(componentType, "own.wasm", neverSeen(probe))
		layers = append(layers, own)
		h.artifact(t, append([]descriptor{own}, common...)...)
		repositories[fmt.Sprintf("/v2/concurrent/a%d/", i)] = h
	}
	var mu sync.Mutex
	fetched := make(map[string]int)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for prefix, h := range repositories {
			if !strings.HasPrefix(r.URL.Path, prefix) {
				continue
			}
			if r.Method == http.MethodGet && h.content(r) != nil {
				mu.Lock()
				fetched[digest.FromBytes(h.content(r)).String()]++
				mu.Unlock()
			}
			h.ServeHTTP(w, r)
		}
	}))
	defer server.Close()
	namespace := unique("concurrent")
	defer removeNamespace(t, namespace)
	var pulling sync.WaitGroup
	for i := range pulls {
		pulling.Go(func() {
			ref := fmt.Sprintf("%s/concurrent/a%d:latest", server.Listener.Addr(), i%artifacts)
			cmd := exec.CommandContext(t.Context(), "nerdctl", "--namespace", namespace, "--insecure-registry", "wasm", "pull", "-q", ref)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%s: %v\n%s", ref, err, out)
			}
		})
	}
	pulling.Wait()
	for _, layer := range layers {
		if n := fetched[layer.Digest]; n != 1 {
			t.Errorf("%s was fetched %d times", layer.Annotations, n)
		}
	}
	if images := strings.Fields(must(t, "ctr", "-n", namespace, "images", "ls", "-q")); len(images) != artifacts {
		t.Errorf("the images are %v", images)
	}
	wholeImage(t, namespace, blobs)
	if out := must(t, "ctr", "-n", namespace, "content", "active"); strings.Count(out, "\n") > 0 {
		t.Errorf("something is half-written: %s", out)
	}
}

// TestPullOfWhatIsThere: given an artifact that is there, a pull asks the
// registry for its digest and for nothing else.
func TestPullOfWhatIsThere(t *testing.T) {
	h := honest(t)
	var mu sync.Mutex
	var requests []string
	ref := serveArtifact(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		requests = append(requests, r.Method+" "+r.URL.Path)
		mu.Unlock()
		h.ServeHTTP(w, r)
	}))
	namespace := unique("there")
	defer removeNamespace(t, namespace)
	pull := []string{"nerdctl", "--namespace", namespace, "--insecure-registry", "wasm", "pull", "-q", ref}
	must(t, pull...)
	requests = nil
	must(t, pull...)
	if want := []string{"HEAD /v2/hostile/artifact/manifests/latest"}; !slices.Equal(requests, want) {
		t.Errorf("the requests are %v", requests)
	}
	wholeImage(t, namespace, h)
}

// TestPullComponents: given --component, only that component is fetched and can
// be run; a run of another one, and a push, need the rest, which a pull without
// it fetches.
func TestPullComponents(t *testing.T) {
	h := honest(t)
	ref := serveArtifact(t, h)
	namespace := unique("components")
	defer removeNamespace(t, namespace)
	wasm := func(args ...string) []string {
		return append([]string{"nerdctl", "--namespace", namespace, "--insecure-registry", "wasm"}, args...)
	}
	has := func(title string) bool {
		list := must(t, "ctr", "-n", namespace, "content", "ls", "-q")
		for _, layer := range h.layers {
			if layer.Annotations["org.opencontainers.image.title"] == title {
				return strings.Contains(list, layer.Digest)
			}
		}
		t.Fatalf("there is no %s", title)
		return false
	}
	fails(t, []string{"other", "small.wasm", "large.wasm"}, wasm("pull", "-q", "--component", "other", ref)...)
	nothingLeft(t, namespace)
	must(t, wasm("pull", "-q", "--component", "small", ref)...)
	collectGarbage(t, namespace)
	if !has("small.wasm") || has("large.wasm") {
		t.Error("not exactly the component that was asked for is there")
	}
	run := wasm("run", "--rm", "--net", "none", "--pull", "never")
	exits7(t, append(run, "--entrypoint", "small", ref)...)
	fails(t, []string{"large.wasm", "left out", "nerdctl wasm pull"}, append(run, "--entrypoint", "large", ref)...)
	nowhere := filepath.Join(t.TempDir(), "nothing")
	for _, needsAll := range [][]string{
		{"push", ref},
		{"inspect", ref},
		{"history", ref},
		{"save", "-o", nowhere, ref},
		{"export", "-o", nowhere, ref, "large"},
		{"cp", ref + ":large", nowhere},
		{"convert", "--form", "image", ref, "converted"},
	} {
		fails(t, []string{"large.wasm", "not complete", "nerdctl wasm pull " + ref}, wasm(needsAll...)...)
	}
	exits7(t, wasm("run", "--rm", "--net", "none", "-q", "--entrypoint", "large", ref)...)
	if !has("large.wasm") {
		t.Error("the run did not fetch what it started")
	}
	wholeImage(t, namespace, h)
	must(t, wasm("pull", "-q", "--component", "small", ref)...) // takes nothing away
	wholeImage(t, namespace, h)
}

// TestStoredContent: given a pull, the manifest keeps every layer, blobs know
// the repository that they are from, so that a push to another one mounts them,
// and files are in the chosen snapshotter only.
func TestStoredContent(t *testing.T) {
	ref := publishDir(t, "stored", write(t, map[string]string{
		"probe.wasm": string(neverSeen(guest(t, "probe.component"))),
		"motd":       unique("stored") + "\n",
		"Wasmfile":   "FROM scratch\nCOPY motd /motd\nCOMPONENT probe.wasm\nENTRYPOINT [\"probe\"]\n",
	}))
	namespace := unique("stored")
	defer removeNamespace(t, namespace)
	in := func(args ...string) []string { return append([]string{"nerdctl", "--namespace", namespace}, args...) }
	snapshots := func(snapshotter string) int {
		return strings.Count(must(t, "ctr", "-n", namespace, "snapshots", "--snapshotter", snapshotter, "ls"), "\n")
	}
	fails(t, []string{"stargz", "overlayfs"}, in("--snapshotter", "stargz", "wasm", "pull", "-q", ref)...)
	nothingLeft(t, namespace)

	must(t, in("wasm", "pull", "-q", "--unpack=false", ref)...)
	if snapshots("overlayfs")+snapshots("native") != 0 {
		t.Error("--unpack=false unpacked")
	}
	must(t, in("--snapshotter", "native", "wasm", "pull", "-q", ref)...)
	if snapshots("overlayfs") != 0 || snapshots("native") != 1 {
		t.Errorf("%d snapshots in overlayfs, %d in native", snapshots("overlayfs"), snapshots("native"))
	}
	repository, _, _ := strings.Cut(strings.TrimPrefix(ref, registry()+"/"), ":")
	for line := range strings.Lines(must(t, "ctr", "-n", namespace, "content", "ls")) {
		if strings.HasPrefix(line, "sha256:") && !strings.Contains(line, "containerd.io/distribution.source.localhost="+repository) {
			t.Errorf("it does not say where it is from: %s", line)
		}
	}
	collectGarbage(t, namespace)
	if n := len(strings.Fields(must(t, "ctr", "-n", namespace, "content", "ls", "-q"))); n != 4 {
		t.Errorf("%d blobs after garbage collection, not manifest, config and two layers", n)
	}
	if out := must(t, in("--snapshotter", "native", "wasm", "run", "--rm", "--net", "none", ref, "read", "/motd")...); !strings.Contains(out, "stored") {
		t.Errorf("the file says %q", out)
	}

	f := newFront(t, "127.0.0.1:0", false)
	// The label names the host, and the proxy is at the same one.
	target := strings.Replace(f.ref(registry()+"/e2e/"+unique("mounted")), "127.0.0.1", "localhost", 1)
	must(t, in("--insecure-registry", "wasm", "push", "-q", ref, target)...)
	if n := f.count("POST", "mount="); n == 0 || f.count("POST", "mount=", "from="+repository) != n {
		t.Errorf("the push did not mount from %s alone: %v", repository, f.requests)
	}
}

// TestPullShows: given a pipe, a pull writes a line for each blob and for what
// refers to the artifact; given a terminal, bars; and with -q neither.
func TestPullShows(t *testing.T) {
	h := honest(t)
	ref := serveArtifact(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "/referrers/") {
			servedBlob(w, indexType, []byte(`{"schemaVersion":2,"mediaType":"`+indexType+`","manifests":[{"mediaType":"`+manifestType+
				`","digest":"`+digest.FromString("sbom").String()+`","size":2048,"artifactType":"application/sbom\u001b[2J"}]}`))
			return
		}
		h.ServeHTTP(w, r)
	}))
	var namespaces []string
	defer func() {
		for _, namespace := range namespaces {
			removeNamespace(t, namespace)
		}
	}()
	pull := func(flags ...string) []string {
		namespace := unique("shows")
		namespaces = append(namespaces, namespace)
		return append([]string{"nerdctl", "--namespace", namespace, "--insecure-registry", "wasm", "pull", ref}, flags...)
	}
	r := try(t, pull()...)
	for _, layer := range h.layers {
		if !strings.Contains(r.stderr, "wasm-"+layer.Digest+": done (") {
			t.Errorf("no line for %s: %s", layer.Digest, r.stderr)
		}
	}
	for _, text := range []string{digest.FromString("sbom").String(), `application/sbom\x1b[2J`, "2KiB"} {
		if !strings.Contains(r.stderr, text) {
			t.Errorf("the referrers lack %q: %s", text, r.stderr)
		}
	}
	if strings.Contains(r.all(), "\x1b") {
		t.Errorf("there are escape sequences in a pipe: %q", r.all())
	}
	if out := must(t, "script", "-qec", strings.Join(pull(), " "), "/dev/null"); !strings.Contains(out, "\x1b[") || !strings.Contains(out, "wasm-sha256:") {
		t.Errorf("there are no bars on a terminal: %q", out)
	}
	if r := try(t, pull("-q")...); r.code != 0 || r.stdout != ref+"\n" || r.stderr != "" {
		t.Errorf("-q says %q and %q", r.stdout, r.stderr)
	}
}

// TestPullChoosesFromIndex: given an index with native and Wasm manifests, the
// Wasm one is pulled and nothing of the others; --platform chooses, and what
// cannot be chosen is listed.
func TestPullChoosesFromIndex(t *testing.T) {
	h := &hostile{blobs: make(map[string][]byte)}
	probe := guest(t, "probe.component")
	manifests := make(map[string]descriptor)
	for _, name := range []string{"a", "b"} {
		h.artifact(t, h.add(componentType, name+".wasm", neverSeen(probe)))
		manifests[name] = h.add(manifestType, "", h.manifest)
	}
	native := h.add(manifestType, "", []byte(`{"schemaVersion":2}`)) // which nobody reads
	on := func(d descriptor, os, architecture string) map[string]any {
		return map[string]any{
			"mediaType": d.MediaType, "digest": d.Digest, "size": d.Size,
			"platform": map[string]string{"os": os, "architecture": architecture},
		}
	}
	var index []byte
	ref := serveArtifact(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		last := r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]
		switch {
		case !strings.Contains(r.URL.Path, "/manifests/"):
			h.ServeHTTP(w, r)
		case last == "latest", last == digest.FromBytes(index).String():
			servedBlob(w, indexType, index)
		case h.blobs[last] != nil:
			servedBlob(w, manifestType, h.blobs[last])
		default:
			http.NotFound(w, r)
		}
	}))
	for name, c := range map[string]struct {
		manifests []map[string]any
		platform  string
		want      string
		says      []string
	}{
		"one beside a native one":  {[]map[string]any{on(native, "linux", "amd64"), on(manifests["a"], "wasip2", "wasm")}, "", "a", nil},
		"the wanted one":           {[]map[string]any{on(manifests["a"], "wasip2", "wasm"), on(native, "linux", "amd64")}, "wasip2/wasm", "a", nil},
		"two of the same platform": {[]map[string]any{on(manifests["a"], "wasip2", "wasm"), on(manifests["b"], "wasip2", "wasm")}, "", "", []string{manifests["a"].Digest, manifests["b"].Digest, "wasip2/wasm"}},
		"none of that platform":    {[]map[string]any{on(native, "linux", "amd64"), on(manifests["a"], "wasip2", "wasm")}, "wasip1/wasm", "", []string{"linux/amd64", "wasip2/wasm"}},
	} {
		t.Run(name, func(t *testing.T) {
			var err error
			if index, err = json.Marshal(map[string]any{"schemaVersion": 2, "mediaType": indexType, "manifests": c.manifests}); err != nil {
				t.Fatal(err)
			}
			namespace := unique("index")
			defer removeNamespace(t, namespace)
			pull := []string{"nerdctl", "--namespace", namespace, "--insecure-registry", "wasm", "pull", "-q", ref}
			if c.platform != "" {
				pull = append(pull, "--platform", c.platform)
			}
			if c.says != nil {
				fails(t, c.says, pull...)
				nothingLeft(t, namespace)
				return
			}
			must(t, pull...)
			collectGarbage(t, namespace)
			list := strings.Fields(must(t, "ctr", "-n", namespace, "content", "ls", "-q"))
			if len(list) != 4 || !slices.Contains(list, manifests[c.want].Digest) {
				t.Errorf("the store has %v: not index, manifest, config and layer", list)
			}
		})
	}
}
