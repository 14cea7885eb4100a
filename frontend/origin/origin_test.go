package origin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/distribution/reference"
	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/client/llb/sourceresolver"
	"github.com/moby/buildkit/frontend/gateway/client"
	"github.com/moby/buildkit/solver/pb"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/wasmfile/wasmfile/pkg/artifact"
)

func layer(mediaType, title string) ocispec.Descriptor {
	l := ocispec.Descriptor{MediaType: mediaType, Digest: digest.FromString(mediaType + title), Size: 1}
	if title != "" {
		l.Annotations = map[string]string{ocispec.AnnotationTitle: title}
	}
	return l
}

func locate(l ocispec.Descriptor) (llb.State, string) {
	return llb.ImageBlob("example.com/x@" + l.Digest.String()), "/blob"
}

func newTestOrigin(t *testing.T, layers ...ocispec.Descriptor) *Origin {
	t.Helper()
	o, err := newOrigin("example.com/x", "x", layers, locate)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// fetched are the digests that a state needs.
func fetched(t *testing.T, state llb.State) string {
	t.Helper()
	definition, err := state.Marshal(t.Context(), llb.LinuxAmd64)
	if err != nil {
		t.Fatal(err)
	}
	return string(bytes.Join(definition.Def, nil))
}

func TestSelect(t *testing.T) {
	a, b, notes := layer(artifact.MediaTypeComponentLayer, "a.wasm"), layer(artifact.MediaTypeWasm, "b.wasm"), layer("text/plain", "notes.txt")
	o := newTestOrigin(t, a, layer(ocispec.MediaTypeImageLayerGzip, ""), b, notes)
	cases := []struct {
		name      string
		selection Selection
		want      []ocispec.Descriptor
		says      []string
	}{
		{"a title", Selection{Patterns: []string{"a.wasm"}}, []ocispec.Descriptor{a}, nil},
		{"a path to it", Selection{Patterns: []string{"/./b.wasm"}}, []ocispec.Descriptor{b}, nil},
		{"all", Selection{Patterns: []string{"*"}}, []ocispec.Descriptor{a, b}, nil},
		{"the directory of all", Selection{Patterns: []string{"."}}, []ocispec.Descriptor{a, b}, nil},
		{"a variable", Selection{Patterns: []string{"$X"}, Dynamic: true}, []ocispec.Descriptor{a, b}, nil},
		{"other layers", Selection{Patterns: []string{"*"}, Others: true}, []ocispec.Descriptor{notes}, nil},
		{"one glob of two matches", Selection{Patterns: []string{"z*", "b*"}}, []ocispec.Descriptor{b}, nil},
		{"no match is needed", Selection{Patterns: []string{"z*"}, Optional: true}, nil, nil},
		{"no match", Selection{Patterns: []string{"z*"}}, nil, []string{"z*", "a.wasm, b.wasm"}},
		{"no such title", Selection{Patterns: []string{"c.wasm"}, Optional: true}, nil, []string{`"c.wasm"`, "example.com/x", "a.wasm, b.wasm", "did you mean"}},
		{"a title without its end", Selection{Patterns: []string{"b"}}, nil, []string{"did you mean b.wasm?"}},
		{"a component as another layer", Selection{Patterns: []string{"a.wasm"}, Others: true}, nil, []string{"which has notes.txt"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			state, names, err := o.Select(c.selection)
			if c.says != nil {
				for _, want := range c.says {
					if err == nil || !strings.Contains(err.Error(), want) {
						t.Errorf("the error does not say %q: %v", want, err)
					}
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if c.selection.Others != slices.Equal(names, []string{"notes.txt"}) {
				t.Errorf("it could have been %q", names)
			}
			if len(c.want) == 0 {
				if state.Output() != nil {
					t.Error("it fetches something")
				}
				return
			}
			needs := fetched(t, state)
			for _, l := range []ocispec.Descriptor{a, b, notes} {
				wanted := slices.ContainsFunc(c.want, func(w ocispec.Descriptor) bool { return w.Digest == l.Digest })
				if strings.Contains(needs, l.Digest.String()) != wanted {
					t.Errorf("%s is fetched: %t", artifact.Name(l), !wanted)
				}
			}
		})
	}
}

func TestNames(t *testing.T) {
	untitled := layer(artifact.MediaTypeWasm, "")
	if o := newTestOrigin(t, untitled); o.files[0].name != "x.wasm" {
		t.Errorf("a single layer without a title is %q", o.files[0].name)
	}
	o := newTestOrigin(t, untitled, layer(artifact.MediaTypeWasm, "a.wasm"), layer("text/plain", "dir/path"), layer("text/plain", "a.wasm"))
	if len(o.files) != 2 || o.files[0].name != untitled.Digest.String() {
		t.Errorf("the files are %+v", o.files)
	}
	if o := newTestOrigin(t, layer(ocispec.MediaTypeImageLayerGzip, ""), layer("text/plain", "a")); o != nil {
		t.Error("an ordinary image is an artifact")
	}
	for _, bad := range [][]ocispec.Descriptor{
		{layer(artifact.MediaTypeWasm, "../a")},
		{layer(artifact.MediaTypeWasm, "a\x1b")},
		{layer(artifact.MediaTypeWasm, "a"), layer(artifact.MediaTypeComponentLayer, "a")},
	} {
		if _, err := newOrigin("x", "x", bad, locate); !errors.Is(err, artifact.ErrInvalid) {
			t.Errorf("%v: %v", bad, err)
		}
	}
}

func TestLayersOf(t *testing.T) {
	encode := func(v any) []byte {
		content, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return content
	}
	manifest := encode(ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest,
		Config: layer(artifact.MediaTypeWasmConfig, ""), Layers: []ocispec.Descriptor{layer(artifact.MediaTypeWasm, "a")},
	})
	entry := func(content []byte, p *ocispec.Platform) ocispec.Descriptor {
		return ocispec.Descriptor{MediaType: ocispec.MediaTypeImageManifest, Digest: digest.FromBytes(content), Size: int64(len(content)), Platform: p}
	}
	index := func(entries ...ocispec.Descriptor) []byte {
		return encode(ocispec.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageIndex, Manifests: entries})
	}
	native := entry([]byte("native"), &ocispec.Platform{OS: "linux", Architecture: "amd64"})
	wasm := entry(manifest, &ocispec.Platform{OS: "wasip2", Architecture: "wasm"})
	read := reader(func(_ context.Context, d digest.Digest) ([]byte, error) {
		if d == digest.FromBytes(manifest) {
			return manifest, nil
		}
		return []byte("another"), nil
	})
	cases := []struct {
		name    string
		content []byte
		known   digest.Digest
		want    int
		err     error
	}{
		{"a manifest", manifest, "", 1, nil},
		{"a manifest by its digest", manifest, digest.FromBytes(manifest), 1, nil},
		{"another than its digest says", manifest, digest.FromString("x"), 0, artifact.ErrDigestMismatch},
		{"an index with a native image", index(native, wasm), "", 1, nil},
		{"an index of native images", index(native), "", 0, nil},
		{"an index of one without a platform", index(entry(manifest, nil)), "", 1, nil},
		{"an index that lies", index(entry([]byte("not there"), wasm.Platform)), "", 0, artifact.ErrSizeMismatch},
		{"what is no manifest", []byte("{}"), "", 0, artifact.ErrInvalid},
		{"what is too large", bytes.Repeat([]byte(" "), artifact.MaxDocumentSize+1), "", 0, artifact.ErrTooLarge},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			layers, err := layersOf(t.Context(), c.content, c.known, read)
			if len(layers) != c.want || !errors.Is(err, c.err) {
				t.Errorf("%d layers, error %v", len(layers), err)
			}
		})
	}
}

func TestRegistryURL(t *testing.T) {
	for ref, want := range map[string]string{
		"localhost:5000/a/b": "http://localhost:5000/v2/a/b/manifests/x",
		"127.0.0.1/a":        "http://127.0.0.1/v2/a/manifests/x",
		"[::1]:5000/a":       "http://[::1]:5000/v2/a/manifests/x",
		"example.com/a/b:t":  "https://example.com/v2/a/b/manifests/x",
		"localhost.evil/a":   "https://localhost.evil/v2/a/manifests/x",
	} {
		named, err := reference.ParseNormalizedNamed(ref)
		if err != nil {
			t.Fatal(err)
		}
		if got := (registry{named: named}).url("manifests", "x"); got != want {
			t.Errorf("%s: %s, not %s", ref, got, want)
		}
	}
}

// published is a builder that resolves every reference to an image with one config.
type published struct {
	client.Client
	config []byte
}

func (p published) ResolveImageConfig(context.Context, string, sourceresolver.Opt) (string, digest.Digest, []byte, error) {
	return "", digest.FromBytes(p.config), p.config, nil
}

func TestRegistry(t *testing.T) {
	layers, err := json.Marshal([]ocispec.Descriptor{layer(artifact.MediaTypeComponentLayer, "a.wasm")})
	if err != nil {
		t.Fatal(err)
	}
	config, err := json.Marshal(ocispec.Image{Config: ocispec.ImageConfig{Labels: map[string]string{artifact.AnnotationLayers: string(layers)}}})
	if err != nil {
		t.Fatal(err)
	}
	state := llb.Scratch()
	source := llb.NewSourceMap(&state, "Wasmfile", "Wasmfile", []byte("FROM scratch\nCOMPONENT --from=r.example/a *\n"))
	finder := Finder{Client: published{config: config}, Location: source.Location([]*pb.Range{{Start: &pb.Position{Line: 2}, End: &pb.Position{Line: 2}}})}
	o, err := finder.Registry(t.Context(), "r.example/a", "r.example/a")
	if err != nil {
		t.Fatal(err)
	}
	selected, _, err := o.Select(Selection{Patterns: []string{"*"}})
	if err != nil {
		t.Fatal(err)
	}
	definition, err := selected.Marshal(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	blob := digest.FromBytes(definition.Def[0]).String()
	if len(definition.Source.GetLocations()[blob].GetLocations()) != 1 {
		t.Errorf("an error at fetching the layer has no line: %v", definition.Source.GetLocations())
	}
	finder.Client = published{config: make([]byte, artifact.MaxDocumentSize+1)}
	if _, err := finder.Registry(t.Context(), "r.example/a", "r.example/a"); !errors.Is(err, artifact.ErrTooLarge) {
		t.Errorf("a config that is too large: %v", err)
	}
}
