package image

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/wasmfile/wasmfile/pkg/artifact"
)

// blobs are contents by digest.
type blobs map[digest.Digest][]byte

func (b blobs) add(t *testing.T, mediaType string, v any) ocispec.Descriptor {
	t.Helper()
	content, ok := v.([]byte)
	if !ok {
		var err error
		if content, err = json.Marshal(v); err != nil {
			t.Fatal(err)
		}
	}
	d := digest.FromBytes(content)
	b[d] = content
	return ocispec.Descriptor{MediaType: mediaType, Digest: d, Size: int64(len(content))}
}

func (b blobs) Fetch(_ context.Context, d ocispec.Descriptor) (io.ReadCloser, error) {
	content, ok := b[d.Digest]
	if !ok {
		return nil, fmt.Errorf("%s: %w", d.Digest, fs.ErrNotExist)
	}
	return io.NopCloser(bytes.NewReader(content)), nil
}

// manifest adds one whose layers have these media types.
func (b blobs) manifest(t *testing.T, system, architecture string, mediaTypes ...string) ocispec.Descriptor {
	t.Helper()
	m := ocispec.Manifest{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest}
	config := ocispec.Image{Platform: ocispec.Platform{OS: system, Architecture: architecture}}
	config.Config.ExposedPorts = map[string]struct{}{"80/tcp": {}}
	for i, mediaType := range mediaTypes {
		layer := b.add(t, mediaType, []byte(fmt.Sprintf("%s %s %d", system, mediaType, i)))
		if artifact.IsFilesystemLayer(mediaType) {
			config.RootFS.DiffIDs = append(config.RootFS.DiffIDs, layer.Digest)
		}
		m.Layers = append(m.Layers, layer)
	}
	m.Config = b.add(t, ocispec.MediaTypeImageConfig, config)
	d := b.add(t, ocispec.MediaTypeImageManifest, m)
	d.Platform = &ocispec.Platform{OS: system, Architecture: architecture}
	return d
}

func TestFromManifest(t *testing.T) {
	store := blobs{}
	const tar = ocispec.MediaTypeImageLayerGzip
	native, files := store.manifest(t, "linux", "amd64", tar), store.manifest(t, "wasi", "wasm", tar)
	p1 := store.manifest(t, "wasip1", "wasm", artifact.MediaTypeComponentLayer)
	p2 := store.manifest(t, "wasip2", "wasm", artifact.MediaTypeComponentLayer, tar)
	p3 := store.manifest(t, "wasip3", "wasm", artifact.MediaTypeComponentLayer)
	delete(store, p3.Digest) // It was not pulled.
	index := func(manifests ...ocispec.Descriptor) ocispec.Descriptor {
		return store.add(t, ocispec.MediaTypeImageIndex, ocispec.Index{Versioned: specs.Versioned{SchemaVersion: 2}, Manifests: manifests})
	}
	cases := []struct {
		name   string
		target ocispec.Descriptor
		named  digest.Digest
		layers int
		system string
		err    error
	}{
		{"an artifact", p2, "", 1, "wasip2", nil},
		{"a native image", native, "", 0, "", artifact.ErrNoWasm},
		{"a native index", index(native), "", 0, "", artifact.ErrNoWasm},
		{"an index with both", index(native, p1, p2), "", 1, "wasip2", nil},
		{"an index of which the best was not pulled", index(p3, p1), "", 1, "wasip1", nil},
		{"an index of which one is named", index(native, p1, p2), p1.Digest, 1, "wasip1", nil},
		{"an index of which none is named", index(native, p2), p1.Digest, 1, "wasip2", nil},
		{"an index that is not JSON", store.add(t, ocispec.MediaTypeImageIndex, []byte("[")), "", 0, "", artifact.ErrInvalid},
		{"files for Wasm", files, "", 0, "", nil},
		{"something else", store.add(t, "text/plain", []byte("x")), "", 0, "", artifact.ErrNoWasm},
	}
	for _, c := range cases {
		got, err := fromManifest(t.Context(), store, c.target, c.named)
		if !errors.Is(err, c.err) {
			t.Errorf("%s gives %v", c.name, err)
		}
		if err != nil {
			continue
		}
		if len(got.Layers) != c.layers || c.layers > 0 && !bytes.HasPrefix(store[got.Layers[0].Digest], []byte(c.system)) {
			t.Errorf("%s gives %v", c.name, got.Layers)
		}
		if wasm := got.Platform == "wasi/wasm"; got.Image != c.target.Digest || wasm != (c.layers == 0) {
			t.Errorf("%s is of %s for %q", c.name, got.Image, got.Platform)
		}
		if _, ok := got.ExposedPorts["80/tcp"]; !ok {
			t.Errorf("%s exposes %v", c.name, got.ExposedPorts)
		}
	}
}

func TestCheckListed(t *testing.T) {
	layer := func(s string) ocispec.Descriptor { return ocispec.Descriptor{Digest: digest.FromString(s)} }
	listed := []ocispec.Descriptor{layer("a"), layer("b")}
	for _, told := range [][]ocispec.Descriptor{nil, {layer("a")}, {layer("b"), layer("a")}} {
		if err := checkListed(told, listed); err != nil {
			t.Errorf("%v: %v", told, err)
		}
	}
	if err := checkListed([]ocispec.Descriptor{layer("a"), layer("evil")}, listed); !errors.Is(err, ErrNotListed) {
		t.Errorf("a layer that is not listed gives %v", err)
	}
}

func TestSettle(t *testing.T) {
	store := blobs{}
	native := store.manifest(t, "linux", "amd64", ocispec.MediaTypeImageLayerGzip)
	old := store.manifest(t, "wasip1", "wasm", artifact.MediaTypeComponentLayer)
	other := store.manifest(t, "wasip2", "wasm", artifact.MediaTypeComponentLayer)
	layers := func(d ocispec.Descriptor) []ocispec.Descriptor {
		a, err := artifact.Read(t.Context(), store, d)
		if err != nil {
			t.Fatal(err)
		}
		return a.WasmLayers()
	}
	files := store.manifest(t, "wasi", "wasm", ocispec.MediaTypeImageLayerGzip)
	none, gone := ocispec.Descriptor{}, ocispec.Descriptor{MediaType: ocispec.MediaTypeImageManifest, Digest: digest.FromString("gone")}
	cases := []struct {
		name   string
		claim  claim
		target ocispec.Descriptor
		want   []ocispec.Descriptor
		err    error
	}{
		{"nothing said, a native image", claim{}, native, nil, nil},
		{"nothing said, no image", claim{}, none, nil, nil},
		{"nothing said, an artifact", claim{}, old, layers(old), nil},
		{"the truth", claim{layers: layers(old), manifest: old}, old, layers(old), nil},
		{"the name was removed", claim{layers: layers(old), manifest: old}, none, layers(old), nil},
		{"the name and the manifest were removed", claim{layers: layers(old), manifest: gone}, none, layers(old), nil},
		{"the name moved", claim{layers: layers(old), manifest: old}, other, layers(old), nil},
		{"the name moved to a native image", claim{layers: layers(old), manifest: old}, native, layers(old), nil},
		{"the name moved and the manifest was removed", claim{layers: layers(old), manifest: gone}, other, nil, ErrNotListed},
		{"a layer of another image", claim{layers: layers(other)}, old, nil, ErrNotListed},
		{"a manifest that does not list the layer", claim{layers: layers(other), manifest: old}, old, nil, ErrNotListed},
		{"files, whose name was removed", claim{manifest: files}, none, nil, nil},
		{"files, whose name moved", claim{manifest: files}, other, nil, nil},
		{"a pod that says it is of files", claim{manifest: files, byAnyone: true}, other, layers(other), nil},
		{"a pod that names another image", claim{layers: layers(other), manifest: other, byAnyone: true}, old, nil, ErrNotListed},
		{"a pod whose image is native", claim{layers: layers(other), manifest: other, byAnyone: true}, native, nil, ErrNotListed},
		{"a pod without an image", claim{layers: layers(other), manifest: other, byAnyone: true}, none, nil, ErrNotListed},
		{"a pod that says the truth", claim{layers: layers(old), byAnyone: true}, old, layers(old), nil},
	}
	for _, c := range cases {
		got, err := c.claim.settle(t.Context(), store, c.target)
		if !errors.Is(err, c.err) {
			t.Errorf("%s: the error is %v", c.name, err)
		}
		if err != nil {
			continue
		}
		if len(got.Layers) != len(c.want) || len(c.want) > 0 && got.Layers[0].Digest != c.want[0].Digest {
			t.Errorf("%s: the layers are %+v", c.name, got)
		}
	}
}

// Whatever annotations say, they are understood or refused, and what is
// understood has digests.
func FuzzReadClaim(f *testing.F) {
	d := digest.FromString("a").String()
	f.Add(`[{"mediaType":"application/wasm","digest":"`+d+`","size":3}]`, d, `{"digest":"`+d+`"}`)
	f.Add("[", "sha256:x,,", "{}")
	f.Fuzz(func(t *testing.T, layers, digests, manifest string) {
		for _, annotations := range []map[string]string{
			{artifact.AnnotationLayers: layers, artifact.AnnotationManifest: manifest},
			{artifact.MediaTypeWasm: digests},
		} {
			c, err := readClaim(annotations)
			if err != nil {
				continue
			}
			for _, l := range c.layers {
				if l.Digest.Validate() != nil {
					t.Fatalf("a layer is %+v", l)
				}
			}
		}
	})
}

func TestFile(t *testing.T) {
	root := t.TempDir()
	dir := filepath.Join(root, contentPlugin, "blobs", "sha256")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	write := func(content, name string) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good, damaged := digest.FromString("good"), digest.FromString("damaged")
	path := write("good", good.Encoded())
	write("dAmaged", damaged.Encoded())
	b := Blobs{Root: root}
	cases := []struct {
		name string
		desc ocispec.Descriptor
		err  error
	}{
		{"a blob", ocispec.Descriptor{Digest: good, Size: 4}, nil},
		{"a blob of unknown size", ocispec.Descriptor{Digest: good}, nil},
		{"a blob of another size", ocispec.Descriptor{Digest: good, Size: 5}, artifact.ErrSizeMismatch},
		{"a damaged blob", ocispec.Descriptor{Digest: damaged, Size: 7}, artifact.ErrDigestMismatch},
	}
	for _, c := range cases {
		got, err := b.File(t.Context(), c.desc, "")
		if !errors.Is(err, c.err) || err == nil && got != path {
			t.Errorf("%s gives %q, %v", c.name, got, err)
		}
	}
	link := digest.FromString("link")
	if err := os.Symlink(path, filepath.Join(dir, link.Encoded())); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []digest.Digest{link, "sha256:../../x", ""} {
		if f, err := b.open(bad); err == nil {
			t.Errorf("%q was opened: %s", bad, f.Name())
		}
	}
}
