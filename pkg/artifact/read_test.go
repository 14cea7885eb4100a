package artifact_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/wasmfile/wasmfile/pkg/artifact"
)

// store is a content-addressed Fetcher; tests put wrong bytes into it too.
type store map[digest.Digest][]byte

func (s store) Fetch(_ context.Context, desc ocispec.Descriptor) (io.ReadCloser, error) {
	content, ok := s[desc.Digest]
	if !ok {
		return nil, fmt.Errorf("%s is not here", desc.Digest)
	}
	return io.NopCloser(bytes.NewReader(content)), nil
}

func (s store) put(mediaType string, content []byte) ocispec.Descriptor {
	desc := ocispec.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(content), Size: int64(len(content))}
	s[desc.Digest] = content
	return desc
}

func (s store) putJSON(t *testing.T, mediaType string, v any) ocispec.Descriptor {
	t.Helper()
	content, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return s.put(mediaType, content)
}

func layer(mediaType, title string) ocispec.Descriptor {
	content := mediaType + title
	desc := ocispec.Descriptor{MediaType: mediaType, Digest: digest.FromString(content), Size: int64(len(content))}
	if title != "" {
		desc.Annotations = map[string]string{ocispec.AnnotationTitle: title}
	}
	return desc
}

// manifest is a valid artifact with these layers, ready to be spoiled.
func (s store) manifest(t *testing.T, layers ...ocispec.Descriptor) ocispec.Manifest {
	t.Helper()
	var diffIDs []digest.Digest
	for _, l := range layers {
		if artifact.IsFilesystemLayer(l.MediaType) {
			diffIDs = append(diffIDs, l.Digest)
		}
	}
	return ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2},
		MediaType: ocispec.MediaTypeImageManifest,
		Config: s.putJSON(t, ocispec.MediaTypeImageConfig, ocispec.Image{
			Platform: ocispec.Platform{Architecture: "wasm", OS: "wasip2"},
			RootFS:   ocispec.RootFS{Type: "layers", DiffIDs: diffIDs},
		}),
		Layers: layers,
	}
}

// TestReadImage: given an image whose layers are all files, its platform decides
// whether it is one for Wasm.
func TestReadImage(t *testing.T) {
	docker := map[string]string{
		ocispec.MediaTypeImageManifest: "application/vnd.docker.distribution.manifest.v2+json",
		ocispec.MediaTypeImageConfig:   "application/vnd.docker.container.image.v1+json",
		ocispec.MediaTypeImageLayer:    "application/vnd.docker.image.rootfs.diff.tar.gzip",
	}
	cases := map[string]struct {
		os, architecture string
		layers, diffIDs  int
		mediaTypes       map[string]string // instead of OCI's
		err              error
		says             string
	}{
		"for wasi":              {os: "wasi", architecture: "wasm", layers: 2, diffIDs: 2},
		"for wasip1 by Docker":  {os: "wasip1", architecture: "wasm", layers: 1, diffIDs: 1, mediaTypes: docker},
		"for Linux":             {os: "linux", architecture: "amd64", layers: 1, diffIDs: 1, err: artifact.ErrNoWasm, says: "linux/amd64"},
		"without layers":        {os: "wasi", architecture: "wasm", err: artifact.ErrNoWasm, says: "no layers"},
		"with too few diff_ids": {os: "wasi", architecture: "wasm", layers: 2, diffIDs: 1, err: artifact.ErrInvalid, says: "diff_ids"},
		"with another config":   {os: "wasi", architecture: "wasm", layers: 1, diffIDs: 1, mediaTypes: map[string]string{ocispec.MediaTypeImageConfig: "text/plain"}, err: artifact.ErrNoWasm, says: ocispec.MediaTypeImageLayer},
	}
	for name, c := range cases {
		s := make(store)
		typed := func(mediaType string) string { return cmp.Or(c.mediaTypes[mediaType], mediaType) }
		m := ocispec.Manifest{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: typed(ocispec.MediaTypeImageManifest)}
		config := ocispec.Image{Platform: ocispec.Platform{OS: c.os, Architecture: c.architecture}}
		for i := range c.layers {
			l := layer(typed(ocispec.MediaTypeImageLayer), "")
			m.Layers = append(m.Layers, l)
			if i < c.diffIDs {
				config.RootFS.DiffIDs = append(config.RootFS.DiffIDs, l.Digest)
			}
		}
		m.Config = s.putJSON(t, typed(ocispec.MediaTypeImageConfig), config)
		a, err := artifact.Read(t.Context(), s, s.putJSON(t, m.MediaType, m))
		if !errors.Is(err, c.err) || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("an image %s gives %v", name, err)
		}
		if err != nil {
			continue
		}
		annotations, err := a.RuntimeAnnotations()
		if _, ok := annotations[artifact.AnnotationManifest]; a.Form != artifact.FormImage || len(annotations) != 1 || !ok || err != nil {
			t.Errorf("an image %s is of form %q, its annotations are %v, %v", name, a.Form, annotations, err)
		}
	}
}

func TestReadSeparatesWasmFromFilesystem(t *testing.T) {
	s := make(store)
	wasm := layer(artifact.MediaTypeComponentLayer, "greet.wasm")
	files := layer(ocispec.MediaTypeImageLayerGzip, "")
	other := layer("text/plain", "notes.txt")
	desc := s.putJSON(t, ocispec.MediaTypeImageManifest, s.manifest(t, wasm, files, other))

	a, err := artifact.Read(t.Context(), s, desc)
	if err != nil {
		t.Fatal(err)
	}
	if a.Form != artifact.FormOCI {
		t.Errorf("form is %q", a.Form)
	}
	for _, c := range []struct {
		what      string
		got, want []ocispec.Descriptor
	}{
		{"Wasm layers", a.WasmLayers(), []ocispec.Descriptor{wasm}},
		{"filesystem layers", a.FilesystemLayers(), []ocispec.Descriptor{files}},
	} {
		if len(c.got) != 1 || c.got[0].Digest != c.want[0].Digest {
			t.Errorf("%s are %v, not %v", c.what, c.got, c.want)
		}
	}
	annotations, err := a.RuntimeAnnotations()
	if err != nil {
		t.Fatal(err)
	}
	keys := slices.Sorted(maps.Keys(annotations))
	want := []string{artifact.MediaTypeComponentLayer, artifact.AnnotationLayers, artifact.AnnotationManifest, "text/plain"}
	if !slices.Equal(keys, want) {
		t.Errorf("annotations are %v, not %v", keys, want)
	}
	layers, err := artifact.LayersFromAnnotations(annotations)
	if err != nil || len(layers) != 1 || layers[0].Digest != wasm.Digest || artifact.Name(layers[0]) != "greet.wasm" {
		t.Errorf("layers come back from annotations as %v (%v)", layers, err)
	}
	delete(annotations, artifact.AnnotationLayers)
	layers, err = artifact.LayersFromAnnotations(annotations)
	if err != nil || len(layers) != 1 || layers[0].Digest != wasm.Digest {
		t.Errorf("layers come back from the list of digests as %v (%v)", layers, err)
	}
}

func TestReadAcceptsOtherMakers(t *testing.T) {
	for _, mediaType := range artifact.WasmLayerTypes() {
		t.Run(mediaType, func(t *testing.T) {
			s := make(store)
			m := s.manifest(t, layer(mediaType, ""))
			if _, err := artifact.Read(t.Context(), s, s.putJSON(t, ocispec.MediaTypeImageManifest, m)); err != nil {
				t.Errorf("as an image: %v", err)
			}
			m.Config = s.put(artifact.MediaTypeWasmConfig, []byte(`{"architecture":"wasm","os":"wasip2","created":"2024-09-25T12:00:00Z","layerDigests":["x"],"component":null}`))
			a, err := artifact.Read(t.Context(), s, s.putJSON(t, ocispec.MediaTypeImageManifest, m))
			if err != nil {
				t.Fatalf("in form cncf: %v", err)
			}
			if a.Form != artifact.FormCNCF || a.Config.OS != "wasip2" || a.Config.Created == nil {
				t.Errorf("read as form %s, config %+v", a.Form, a.Config)
			}
			m.Config = s.put(ocispec.MediaTypeEmptyJSON, []byte(`{}`))
			a, err = artifact.Read(t.Context(), s, s.putJSON(t, ocispec.MediaTypeImageManifest, m))
			if err != nil || a.Form != artifact.FormBare {
				t.Errorf("without a config: %v", err)
			}
		})
	}
}

func TestReadCountsDiffIDsBothWays(t *testing.T) {
	layers := []ocispec.Descriptor{
		layer(artifact.MediaTypeComponentLayer, "a.wasm"),
		layer(ocispec.MediaTypeImageLayerGzip, ""),
	}
	for n, valid := range []bool{false, true, true, false} {
		s := make(store)
		m := s.manifest(t, layers...)
		m.Config = s.putJSON(t, ocispec.MediaTypeImageConfig, ocispec.Image{
			RootFS: ocispec.RootFS{DiffIDs: slices.Repeat([]digest.Digest{digest.FromString("files")}, n)},
		})
		_, err := artifact.Read(t.Context(), s, s.putJSON(t, ocispec.MediaTypeImageManifest, m))
		if (err == nil) != valid {
			t.Errorf("%d diff_ids for one Wasm and one filesystem layer: %v", n, err)
		}
	}
}

// TestReadRefusesDiffIDs: given a diff_id that is no digest but may be the name of
// somebody's snapshot, the artifact is refused.
func TestReadRefusesDiffIDs(t *testing.T) {
	for _, id := range []digest.Digest{"", "container", "sha256:abc"} {
		s := make(store)
		m := s.manifest(t, layer(artifact.MediaTypeComponentLayer, "a.wasm"), layer(ocispec.MediaTypeImageLayerGzip, ""))
		m.Config = s.putJSON(t, ocispec.MediaTypeImageConfig, ocispec.Image{RootFS: ocispec.RootFS{DiffIDs: []digest.Digest{id}}})
		_, err := artifact.Read(t.Context(), s, s.putJSON(t, ocispec.MediaTypeImageManifest, m))
		if !errors.Is(err, artifact.ErrInvalid) || !strings.Contains(err.Error(), "diff_ids has") {
			t.Errorf("%q: %v", id, err)
		}
	}
}

func TestReadRefuses(t *testing.T) {
	wasm := layer(artifact.MediaTypeComponentLayer, "a.wasm")
	titled := func(title string) ocispec.Descriptor {
		l := layer(artifact.MediaTypeComponentLayer, "x")
		l.Annotations[ocispec.AnnotationTitle] = title
		return l
	}
	cases := map[string]struct {
		layers []ocispec.Descriptor
		spoil  func(*ocispec.Manifest)
		want   error
		says   string
	}{
		"only unknown layers": {
			layers: []ocispec.Descriptor{layer("application/x-thing", "a"), layer("application/x-other", "b")},
			want:   artifact.ErrNoWasm, says: "application/x-thing, application/x-other",
		},
		"no layers":          {want: artifact.ErrNoWasm, says: "no layers"},
		"a path in a name":   {layers: []ocispec.Descriptor{titled("../../etc/passwd")}, want: artifact.ErrInvalid, says: "path separator"},
		"a control in it":    {layers: []ocispec.Descriptor{titled("a\x1b[2J")}, want: artifact.ErrInvalid, says: "control character"},
		"the same name":      {layers: []ocispec.Descriptor{wasm, titled("a.wasm")}, want: artifact.ErrInvalid, says: `layers 0 and 1 are both named "a.wasm"`},
		"a negative size":    {layers: []ocispec.Descriptor{wasm}, spoil: func(m *ocispec.Manifest) { m.Layers[0].Size = -1 }, want: artifact.ErrInvalid, says: "size -1"},
		"no digest":          {layers: []ocispec.Descriptor{wasm}, spoil: func(m *ocispec.Manifest) { m.Layers[0].Digest = "sha256:../x" }, want: artifact.ErrInvalid, says: "digest"},
		"another schema":     {layers: []ocispec.Descriptor{wasm}, spoil: func(m *ocispec.Manifest) { m.SchemaVersion = 1 }, want: artifact.ErrInvalid, says: "schemaVersion is 1"},
		"an unknown config":  {layers: []ocispec.Descriptor{wasm}, spoil: func(m *ocispec.Manifest) { m.Config.MediaType = "text/html" }, want: artifact.ErrInvalid, says: `"text/html"`},
		"a huge config":      {layers: []ocispec.Descriptor{wasm}, spoil: func(m *ocispec.Manifest) { m.Config.Size = 5 << 20 }, want: artifact.ErrTooLarge, says: m4},
		"a lying config":     {layers: []ocispec.Descriptor{wasm}, spoil: func(m *ocispec.Manifest) { m.Config.Size = 7 }, want: artifact.ErrSizeMismatch, says: "instead of 7"},
		"too many layers":    {layers: slices.Repeat([]ocispec.Descriptor{layer(artifact.MediaTypeComponentLayer, "")}, artifact.MaxLayers+1), want: artifact.ErrTooLarge, says: "4097 layers"},
		"another media type": {layers: []ocispec.Descriptor{wasm}, spoil: func(m *ocispec.Manifest) { m.MediaType = ocispec.MediaTypeImageIndex }, want: artifact.ErrInvalid, says: "calls itself"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := make(store)
			m := s.manifest(t, c.layers...)
			m.Layers = slices.Clone(m.Layers)
			if c.spoil != nil {
				c.spoil(&m)
			}
			_, err := artifact.Read(t.Context(), s, s.putJSON(t, ocispec.MediaTypeImageManifest, m))
			if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("want %v that says %q, got: %v", c.want, c.says, err)
			}
		})
	}
}

const m4 = "the limit is 4194304"

func TestReadDocumentVerifies(t *testing.T) {
	good := []byte(`{"a":1}`)
	cases := map[string]struct {
		content []byte
		size    int64
		want    error
	}{
		"other bytes of the same size": {[]byte(`{"a":2}`), int64(len(good)), artifact.ErrDigestMismatch},
		"fewer bytes":                  {good[:3], int64(len(good)), artifact.ErrSizeMismatch},
		"more bytes":                   {append(slices.Clone(good), ' '), int64(len(good)), artifact.ErrSizeMismatch},
		"an endless body":              {make([]byte, artifact.MaxDocumentSize+10), 0, artifact.ErrTooLarge},
		"other bytes, no size":         {[]byte(`{"a":2}`), 0, artifact.ErrDigestMismatch},
		"the right ones":               {good, int64(len(good)), nil},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			desc := ocispec.Descriptor{Digest: digest.FromBytes(good), Size: c.size}
			_, err := artifact.ReadDocument(t.Context(), store{desc.Digest: c.content}, desc)
			if !errors.Is(err, c.want) {
				t.Errorf("want %v, got %v", c.want, err)
			}
		})
	}
}

func FuzzRead(f *testing.F) {
	s := make(store)
	config := s.put(ocispec.MediaTypeImageConfig, []byte(`{"architecture":"wasm","os":"wasip2","rootfs":{"type":"layers","diff_ids":[]}}`))
	f.Add([]byte(fmt.Sprintf(`{"schemaVersion":2,"config":{"mediaType":%q,"digest":%q,"size":%d},"layers":[{"mediaType":%q,"digest":%q,"size":1}]}`,
		config.MediaType, config.Digest, config.Size, artifact.MediaTypeComponentLayer, config.Digest)))
	f.Add([]byte(`{"layers":[{}]}`))
	f.Fuzz(func(t *testing.T, content []byte) {
		s := maps.Clone(s)
		a, err := artifact.Read(t.Context(), s, s.put(ocispec.MediaTypeImageManifest, content))
		if err != nil {
			return
		}
		annotations, err := a.RuntimeAnnotations()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := artifact.LayersFromAnnotations(annotations); err != nil {
			t.Fatalf("an artifact that was read gives annotations that are refused: %v", err)
		}
	})
}

// TestFilesystemDiffIDs: given diff_ids that count all layers, the filesystem's only, or
// none, those of the filesystem layers.
func TestFilesystemDiffIDs(t *testing.T) {
	component, files := layer(artifact.MediaTypeComponentLayer, "a.wasm"), layer(ocispec.MediaTypeImageLayerGzip, "")
	a := &artifact.Artifact{}
	a.Manifest.Layers = []ocispec.Descriptor{component, component, files}
	for name, c := range map[string]struct{ counted, want []digest.Digest }{
		"all":   {[]digest.Digest{component.Digest, component.Digest, "sha256:files"}, []digest.Digest{"sha256:files"}},
		"files": {[]digest.Digest{"sha256:files"}, []digest.Digest{"sha256:files"}},
		"none":  {nil, []digest.Digest{}},
	} {
		a.Config.RootFS.DiffIDs = c.counted
		if got := a.FilesystemDiffIDs(); got == nil || !slices.Equal(got, c.want) {
			t.Errorf("counted %s: %#v", name, got)
		}
	}
}
