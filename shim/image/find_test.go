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
	native := store.manifest(t, "linux", "amd64", tar)
	p1 := store.manifest(t, "wasip1", "wasm", artifact.MediaTypeComponentLayer)
	p2 := store.manifest(t, "wasip2", "wasm", artifact.MediaTypeComponentLayer, tar)
	p3 := store.manifest(t, "wasip3", "wasm", artifact.MediaTypeComponentLayer)
	delete(store, p3.Digest) // It was not pulled.
	index := func(manifests ...ocispec.Descriptor) ocispec.Descriptor {
		return store.add(t, ocispec.MediaTypeImageIndex, ocispec.Index{Versioned: specs.Versioned{SchemaVersion: 2}, Manifests: manifests})
	}
	told := func(d ocispec.Descriptor) map[string]string {
		encoded, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		return map[string]string{artifact.AnnotationManifest: string(encoded)}
	}
	cases := []struct {
		name        string
		target      ocispec.Descriptor
		annotations map[string]string
		layers      int
		system      string
		err         error
	}{
		{"an artifact", p2, nil, 1, "wasip2", nil},
		{"a native image", native, nil, 0, "", artifact.ErrNoWasm},
		{"a native index", index(native), nil, 0, "", artifact.ErrNoWasm},
		{"an index with both", index(native, p1, p2), nil, 1, "wasip2", nil},
		{"an index of which the best was not pulled", index(p3, p1), nil, 1, "wasip1", nil},
		{"an index and an annotation", index(native, p1, p2), told(p1), 1, "wasip1", nil},
		{"an annotation that names what is not listed", index(native, p2), told(p1), 1, "wasip2", nil},
		{"an annotation that is not JSON", index(p2), map[string]string{artifact.AnnotationManifest: "{"}, 0, "", artifact.ErrInvalid},
		{"an index that is not JSON", store.add(t, ocispec.MediaTypeImageIndex, []byte("[")), nil, 0, "", artifact.ErrInvalid},
		{"something else", store.add(t, "text/plain", []byte("x")), nil, 0, "", artifact.ErrNoWasm},
	}
	for _, c := range cases {
		got, err := fromManifest(t.Context(), store, c.target, c.annotations)
		if !errors.Is(err, c.err) {
			t.Errorf("%s gives %v", c.name, err)
		}
		if err != nil {
			continue
		}
		if len(got.Layers) != c.layers || !bytes.HasPrefix(store[got.Layers[0].Digest], []byte(c.system)) {
			t.Errorf("%s gives %v", c.name, got.Layers)
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
