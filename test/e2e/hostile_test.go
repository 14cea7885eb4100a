package e2e

import (
	"encoding/json"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
)

const (
	manifestType  = "application/vnd.oci.image.manifest.v1+json"
	indexType     = "application/vnd.oci.image.index.v1+json"
	configType    = "application/vnd.oci.image.config.v1+json"
	componentType = "application/vnd.bytecodealliance.wasm.component.layer.v0+wasm"
)

// hostile is a registry with one repository, hostile/artifact:latest, whose
// blobs are what the test says they are.
type hostile struct {
	blobs    map[string][]byte // by digest
	manifest []byte
	layers   []descriptor
}

type descriptor struct {
	MediaType   string            `json:"mediaType"`
	Digest      string            `json:"digest"`
	Size        int               `json:"size"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

// add stores content and describes it truthfully.
func (h *hostile) add(mediaType, title string, content []byte) descriptor {
	d := digest.FromBytes(content).String()
	h.blobs[d] = content
	desc := descriptor{MediaType: mediaType, Digest: d, Size: len(content)}
	if title != "" {
		desc.Annotations = map[string]string{"org.opencontainers.image.title": title}
	}
	return desc
}

// artifact makes the manifest of these layers.
func (h *hostile) artifact(t *testing.T, layers ...descriptor) {
	t.Helper()
	config := h.add(configType, "", []byte(`{"architecture":"wasm","os":"wasip2","config":{},"rootfs":{"type":"layers","diff_ids":[]}}`))
	manifest, err := json.Marshal(map[string]any{"schemaVersion": 2, "mediaType": manifestType, "config": config, "layers": layers})
	if err != nil {
		t.Fatal(err)
	}
	h.manifest, h.layers = manifest, layers
}

func (h *hostile) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	last := r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]
	switch {
	case r.URL.Path == "/v2/":
	case strings.Contains(r.URL.Path, "/manifests/") && (last == "latest" || last == digest.FromBytes(h.manifest).String()):
		servedBlob(w, manifestType, h.manifest)
	case strings.Contains(r.URL.Path, "/blobs/") && h.blobs[last] != nil:
		w.Header().Set("Content-Type", "application/octet-stream")
		_, _ = w.Write(h.blobs[last])
	default:
		http.NotFound(w, r)
	}
}

// TestHostileRegistry: given a registry that lies, or an artifact that is not
// one, pull and run fail with a message and leave nothing behind.
func TestHostileRegistry(t *testing.T) {
	component := neverSeen(guest(t, "probe.component"))
	cases := map[string]struct {
		make func(t *testing.T, h *hostile)
		says []string
	}{
		"a wrong digest": {
			func(t *testing.T, h *hostile) {
				layer := h.add(componentType, "a.wasm", component)
				other := slices.Clone(component)
				other[len(other)-1] ^= 1
				h.blobs[layer.Digest] = other
				h.artifact(t, layer)
			},
			[]string{"sha256:"},
		},
		"fewer bytes than promised": {
			func(t *testing.T, h *hostile) {
				layer := h.add(componentType, "a.wasm", component)
				h.blobs[layer.Digest] = component[:len(component)/2]
				h.artifact(t, layer)
			},
			[]string{"sha256:"},
		},
		"unknown layers": {
			func(t *testing.T, h *hostile) { h.artifact(t, h.add("application/x-unknown", "a", []byte("data"))) },
			[]string{"application/x-unknown"},
		},
		"a truncated component": {
			func(t *testing.T, h *hostile) {
				h.artifact(t, h.add(componentType, "a.wasm", component[:len(component)/2]))
			},
			[]string{"a.wasm", "offset"},
		},
		"native code": {
			func(t *testing.T, h *hostile) {
				h.artifact(t, h.add(componentType, "a.wasm", []byte("\x7fELF\x02\x01\x01 and so on")))
			},
			[]string{"a.wasm", "ELF"},
		},
		"a path as name": {
			func(t *testing.T, h *hostile) { h.artifact(t, h.add(componentType, "../../../etc/passwd", component)) },
			[]string{"path separator"},
		},
		"no entrypoint among several": {
			func(t *testing.T, h *hostile) {
				h.artifact(t, h.add(componentType, "a.wasm", component), h.add(componentType, "b.wasm", guest(t, "probe.module")))
			},
			nil, // it can be pulled; run says what to do
		},
	}
	for _, name := range slices.Sorted(maps.Keys(cases)) {
		c := cases[name]
		t.Run(name, func(t *testing.T) {
			h := &hostile{blobs: make(map[string][]byte)}
			c.make(t, h)
			ref := serveArtifact(t, h)
			namespace := unique("hostile")
			defer removeNamespace(t, namespace)
			base := []string{"nerdctl", "--namespace", namespace, "--insecure-registry", "wasm"}
			before := mounts(t)
			if c.says == nil {
				fails(t, []string{"a.wasm", "b.wasm", "entrypoint"}, append(base, "run", "--rm", ref)...)
				must(t, "ctr", "-n", namespace, "images", "rm", "--sync", ref)
			} else {
				fails(t, c.says, append(base, "pull", ref)...)
				fails(t, c.says, append(base, "run", "--rm", ref)...)
			}
			nothingLeft(t, namespace)
			eventually(t, 5*time.Second, "no new mount", func() bool {
				return !slices.ContainsFunc(mounts(t), func(m string) bool { return !slices.Contains(before, m) })
			})
		})
	}
}

// mounts are those below the sandbox.
func mounts(t *testing.T) []string {
	t.Helper()
	var below []string
	for _, target := range strings.Fields(must(t, "findmnt", "-rno", "TARGET")) {
		if strings.HasPrefix(target, os.Getenv("SANDBOX_DIR")+"/") {
			below = append(below, target)
		}
	}
	return below
}

// nothingLeft checks that a namespace has no content, image, container,
// snapshot, task or lease.
func nothingLeft(t *testing.T, namespace string) {
	t.Helper()
	for _, list := range [][]string{
		{"content", "ls", "-q"}, {"images", "ls", "-q"}, {"containers", "ls", "-q"}, {"tasks", "ls", "-q"}, {"leases", "ls", "-q"},
	} {
		if out := must(t, append([]string{"ctr", "-n", namespace}, list...)...); out != "" {
			t.Errorf("ctr %s: %s", strings.Join(list, " "), out)
		}
	}
	if out := must(t, "ctr", "-n", namespace, "snapshots", "ls"); strings.Count(out, "\n") > 0 {
		t.Errorf("snapshots: %s", out)
	}
}

// TestUserErrors: given what people get wrong, a message with what to do.
func TestUserErrors(t *testing.T) {
	cases := map[string]struct {
		args []string
		says []string
	}{
		"an unknown reference": {[]string{"nerdctl", "wasm", "run", "--rm", registry() + "/no/such:thing"}, []string{"no/such:thing", "not found"}},
		"an unknown verb":      {[]string{"nerdctl", "wasm", "frobnicate", "x"}, []string{"frobnicate"}},
		"no daemon":            {[]string{"nerdctl", "--address", "/nowhere/containerd.sock", "wasm", "pull", "x"}, []string{"/nowhere/containerd.sock"}},
		"no shim":              {[]string{"nerdctl", "wasm", "run", "--rm", "-q", "--runtime", "io.containerd.nosuchshim.v1", publish(t, "greet")}, []string{"containerd-shim-nosuchshim-v1"}},
		"no name":              {[]string{"nerdctl", "wasm", "run", "--rm", "-q", "--name", "a b", publish(t, "greet")}, []string{`name-store error: identifier "a b"`}},
		"no namespace":         {[]string{"nerdctl", "--namespace", "a/b", "wasm", "ps"}, []string{`"a/b": invalid argument: `}},
		"an ordinary image":    {[]string{"nerdctl", "wasm", "run", "--rm", "-q", busybox()}, []string{"linux/amd64", "ordinary image"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) { fails(t, c.says, c.args...) })
	}
}
