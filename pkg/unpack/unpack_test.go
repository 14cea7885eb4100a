package unpack

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"strings"
	"testing"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/plugins/content/local"
	"github.com/containerd/errdefs"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/wasmfile/wasmfile/pkg/artifact"
)

// memory is a registry's content, by digest, and counts what is fetched.
type memory struct {
	blobs   map[digest.Digest][]byte
	fetched map[digest.Digest]int
}

func newMemory() *memory {
	return &memory{blobs: make(map[digest.Digest][]byte), fetched: make(map[digest.Digest]int)}
}

func (m *memory) Fetch(_ context.Context, desc ocispec.Descriptor) (io.ReadCloser, error) {
	content, ok := m.blobs[desc.Digest]
	if !ok {
		return nil, errdefs.ErrNotFound
	}
	m.fetched[desc.Digest]++
	return io.NopCloser(bytes.NewReader(content)), nil
}

func (m *memory) add(t *testing.T, mediaType string, value any) ocispec.Descriptor {
	t.Helper()
	content, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	d := digest.FromBytes(content)
	m.blobs[d] = content
	return ocispec.Descriptor{MediaType: mediaType, Digest: d, Size: int64(len(content))}
}

func (m *memory) manifest(t *testing.T, os, arch, layerType string) ocispec.Descriptor {
	t.Helper()
	diffIDs := []digest.Digest{}
	if artifact.IsFilesystemLayer(layerType) {
		diffIDs = append(diffIDs, digest.FromString("unpacked"))
	}
	config := m.add(t, ocispec.MediaTypeImageConfig, map[string]any{
		"os": os, "architecture": arch, "rootfs": map[string]any{"type": "layers", "diff_ids": diffIDs},
	})
	return m.add(t, ocispec.MediaTypeImageManifest, ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest, Config: config,
		Layers: []ocispec.Descriptor{{MediaType: layerType, Digest: digest.FromString(os + arch), Size: 1}},
	})
}

func on(desc ocispec.Descriptor, os, arch string) ocispec.Descriptor {
	desc.Platform = &ocispec.Platform{OS: os, Architecture: arch}
	return desc
}

func TestChoose(t *testing.T) {
	ctx, m := context.Background(), newMemory()
	p1 := m.manifest(t, "wasip1", "wasm", artifact.MediaTypeComponentLayer)
	p2 := m.manifest(t, "wasip2", "wasm", artifact.MediaTypeComponentLayer)
	linux := m.manifest(t, "linux", "amd64", ocispec.MediaTypeImageLayerGzip)
	unknown := m.manifest(t, "wasip2", "wasm", "application/x-unknown")
	files := m.manifest(t, "wasi", "wasm", ocispec.MediaTypeImageLayerGzip)
	index := func(manifests ...ocispec.Descriptor) ocispec.Descriptor {
		return m.add(t, ocispec.MediaTypeImageIndex, ocispec.Index{
			Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageIndex, Manifests: manifests,
		})
	}
	var many []ocispec.Descriptor
	for range artifact.MaxLayers + 1 {
		many = append(many, on(p2, "wasip2", "wasm"))
	}
	lying := p2
	lying.Digest = digest.FromString("other")
	m.blobs[lying.Digest] = m.blobs[p2.Digest]
	cases := map[string]struct {
		root     ocispec.Descriptor
		platform string
		want     digest.Digest
		err      error
		says     string
	}{
		"a manifest":                {root: p1, want: p1.Digest},
		"a manifest for a platform": {root: p1, platform: "wasip1/wasm", want: p1.Digest},
		"the wrong platform":        {root: p1, platform: "wasip2/wasm", err: artifact.ErrInvalid, says: "wasip1/wasm"},
		"the best of an index":      {root: index(on(linux, "linux", "amd64"), on(p1, "wasip1", "wasm"), on(p2, "wasip2", "wasm")), want: p2.Digest},
		"the wanted of an index":    {root: index(on(p1, "wasip1", "wasm"), on(p2, "wasip2", "wasm")), platform: "wasip1/wasm", want: p1.Digest},
		"two of one platform":       {root: index(on(linux, "linux", "amd64"), on(p2, "wasip2", "wasm"), on(unknown, "wasip2", "wasm")), says: "several manifests for Wasm: " + p2.Digest.String()},
		"the same twice":            {root: index(on(p2, "wasip2", "wasm"), on(p2, "wasip2", "wasm")), want: p2.Digest},
		"two of a lower rank":       {root: index(on(p1, "wasip1", "wasm"), on(unknown, "wasip1", "wasm"), on(p2, "wasip2", "wasm")), want: p2.Digest},
		"no platform in the index":  {root: index(linux, p1), want: p1.Digest},
		"Linux only":                {root: index(on(linux, "linux", "amd64")), err: artifact.ErrNoWasm, says: "linux/amd64"},
		"an empty index":            {root: index(), err: artifact.ErrNoWasm, says: "no manifests"},
		"not that platform":         {root: index(on(p1, "wasip1", "wasm")), platform: "wasip2/wasm", err: artifact.ErrNoWasm, says: "wasip1/wasm"},
		"unknown layers":            {root: unknown, err: artifact.ErrNoWasm, says: "application/x-unknown"},
		"an ordinary image":         {root: linux, err: artifact.ErrNoWasm, says: "linux/amd64"},
		"a component in files":      {root: files, want: files.Digest},
		"such a one of an index":    {root: index(on(linux, "linux", "amd64"), on(files, "wasi", "wasm")), want: files.Digest},
		"the artifact before it":    {root: index(on(files, "wasi", "wasm"), on(p1, "wasip1", "wasm")), want: p1.Digest},
		"the files by platform":     {root: index(on(files, "wasi", "wasm"), on(p1, "wasip1", "wasm")), platform: "wasi/wasm", want: files.Digest},
		"an image beside, unnamed":  {root: index(linux, files), want: files.Digest},
		"too many manifests":        {root: index(many...), err: artifact.ErrTooLarge},
		"other bytes":               {root: lying, err: artifact.ErrDigestMismatch},
		"no platform at all":        {root: p1, platform: "//", says: "platform"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			a, err := Choose(ctx, m, c.root, c.platform)
			if c.want != "" {
				if err != nil || a.Descriptor.Digest != c.want {
					t.Fatalf("chose %+v, %v; it has to be %s", a, err, c.want)
				}
				return
			}
			if err == nil || c.err != nil && !errors.Is(err, c.err) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("the error is %v; it has to be %v and to say %q", err, c.err, c.says)
			}
		})
	}
}

// TestDocumentsAreFetchedOnce: what was checked is what is stored.
func TestDocumentsAreFetchedOnce(t *testing.T) {
	ctx, m := context.Background(), newMemory()
	manifest := m.manifest(t, "wasip2", "wasm", artifact.MediaTypeComponentLayer)
	d := &documents{store: newMemory(), source: m, kept: make(map[digest.Digest][]byte)}
	if _, err := Choose(ctx, d, manifest, ""); err != nil {
		t.Fatal(err)
	}
	m.blobs[manifest.Digest] = []byte("something else")
	for range 2 {
		reader, err := blobs{d}.Fetch(ctx, manifest)
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(reader)
		if err != nil || digest.FromBytes(content) != manifest.Digest {
			t.Errorf("got %q, %v", content, err)
		}
	}
	if n := m.fetched[manifest.Digest]; n != 1 {
		t.Errorf("the manifest was fetched %d times", n)
	}
}

// Given an index with many manifests that do not say what they are, not all of them
// are kept in memory.
func TestDocumentsAreBounded(t *testing.T) {
	m := newMemory()
	var manifests []ocispec.Descriptor
	for i := range 2 * maxDocuments / artifact.MaxDocumentSize {
		manifests = append(manifests, m.add(t, ocispec.MediaTypeImageManifest, ocispec.Manifest{
			Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest,
			Config:      ocispec.Descriptor{MediaType: ocispec.MediaTypeEmptyJSON, Digest: digest.FromString("{}"), Size: 2},
			Annotations: map[string]string{"padding": strings.Repeat("x", artifact.MaxDocumentSize-1024), "number": strconv.Itoa(i)},
		}))
	}
	index := m.add(t, ocispec.MediaTypeImageIndex, ocispec.Index{Versioned: specs.Versioned{SchemaVersion: 2}, Manifests: manifests})
	d := &documents{store: newMemory(), source: m, kept: make(map[digest.Digest][]byte)}
	if _, err := Choose(t.Context(), d, index, ""); !errors.Is(err, artifact.ErrTooLarge) {
		t.Errorf("they give %v", err)
	}
}

func TestSnapshotSteps(t *testing.T) {
	wasm := ocispec.Descriptor{MediaType: artifact.MediaTypeComponentLayer, Digest: digest.FromString("wasm")}
	files := ocispec.Descriptor{MediaType: ocispec.MediaTypeImageLayerGzip, Digest: digest.FromString("files")}
	other := ocispec.Descriptor{MediaType: "application/x-other", Digest: digest.FromString("other")}
	filesID, popular := digest.FromString("files, unpacked"), digest.FromString("somebody's base layer")
	cases := map[string]struct {
		form    artifact.Form
		layers  []ocispec.Descriptor
		diffIDs []digest.Digest
		steps   int
		invalid bool
	}{
		"no files":                           {artifact.FormOCI, []ocispec.Descriptor{wasm}, nil, 0, false},
		"files counted":                      {artifact.FormOCI, []ocispec.Descriptor{wasm, files}, []digest.Digest{filesID}, 1, false},
		"all counted":                        {artifact.FormOCI, []ocispec.Descriptor{wasm, files}, []digest.Digest{wasm.Digest, filesID}, 2, false},
		"the name of somebody's layer":       {artifact.FormOCI, []ocispec.Descriptor{wasm, files}, []digest.Digest{popular, filesID}, 0, true},
		"a layer of an unknown type counted": {artifact.FormOCI, []ocispec.Descriptor{other, wasm, files}, []digest.Digest{other.Digest, wasm.Digest, filesID}, 0, true},
		"a layer of an unknown type":         {artifact.FormOCI, []ocispec.Descriptor{other, wasm, files}, []digest.Digest{filesID}, 1, false},
		"an image":                           {artifact.FormImage, []ocispec.Descriptor{files}, []digest.Digest{filesID}, 1, false},
		"without a rootfs":                   {artifact.FormCNCF, []ocispec.Descriptor{wasm}, nil, 0, false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			steps, err := snapshotSteps(&artifact.Artifact{
				Form:     c.form,
				Manifest: ocispec.Manifest{Layers: c.layers},
				Config:   dockerspec.DockerOCIImage{Image: ocispec.Image{RootFS: ocispec.RootFS{DiffIDs: c.diffIDs}}},
			})
			if errors.Is(err, artifact.ErrInvalid) != c.invalid {
				t.Fatalf("the error is %v", err)
			}
			if len(steps) != c.steps {
				t.Errorf("%d steps, not %d", len(steps), c.steps)
			}
			for i, s := range steps {
				if s.diffID != c.diffIDs[i] {
					t.Errorf("step %d is %s, not %s", i, s.diffID, c.diffIDs[i])
				}
			}
		})
	}
}

// TestStoredSize: given a layer whose descriptor claims another size than that
// of what is stored, it is refused as one that is fetched would be.
func TestStoredSize(t *testing.T) {
	ctx := context.Background()
	store, err := local.NewStore(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	layer := ocispec.Descriptor{MediaType: "application/x", Digest: digest.FromString("content"), Size: int64(len("content"))}
	if err := content.WriteBlob(ctx, store, "layer", strings.NewReader("content"), layer); err != nil {
		t.Fatal(err)
	}
	transfer := &transfer{store: store, progress: func(Progress) {}}
	if err := transfer.keep(ctx, blob{Descriptor: layer}); err != nil {
		t.Error(err)
	}
	layer.Size++
	if err := transfer.keep(ctx, blob{Descriptor: layer}); !errors.Is(err, artifact.ErrSizeMismatch) {
		t.Errorf("the size is wrong: %v", err)
	}
}
