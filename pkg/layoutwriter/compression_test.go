package layoutwriter_test

import (
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/wasmfile/wasmfile/pkg/artifact"
	"github.com/wasmfile/wasmfile/pkg/layoutwriter"
)

func compression(t *testing.T, name, level string) layoutwriter.Compression {
	t.Helper()
	c, err := layoutwriter.ParseCompression(name)
	if err == nil {
		c, err = c.WithLevel(level)
	}
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestCompressions: given a compression and level, the layer has its media
// type, the tar in it is the same, and so are the components.
func TestCompressions(t *testing.T) {
	cases := []struct{ name, level, mediaType string }{
		{"", "", ocispec.MediaTypeImageLayerGzip},
		{"gzip", "9", ocispec.MediaTypeImageLayerGzip},
		{"zstd", "", ocispec.MediaTypeImageLayerZstd},
		{"zstd", "22", ocispec.MediaTypeImageLayerZstd},
		{"uncompressed", "", ocispec.MediaTypeImageLayer},
	}
	var diffID digest.Digest
	for _, c := range cases {
		t.Run(c.name+" "+c.level, func(t *testing.T) {
			src := source(t)
			src.Compression = compression(t, c.name, c.level)
			dir, a := written(t, src)
			layer := a.FilesystemLayers()[0]
			if layer.MediaType != c.mediaType {
				t.Errorf("media type %s", layer.MediaType)
			}
			content, err := io.ReadAll(plainTar(t, dir, layer))
			if err != nil {
				t.Fatal(err)
			}
			got := digest.FromBytes(content)
			if len(a.Config.RootFS.DiffIDs) != 1 || got != a.Config.RootFS.DiffIDs[0] {
				t.Errorf("the tar is %s, diff_ids says %s", got, a.Config.RootFS.DiffIDs)
			}
			if diffID != "" && got != diffID {
				t.Errorf("the tar is %s, and %s with another compression", got, diffID)
			}
			diffID = got
			checkComponentDigests(t, src, a)
		})
	}
}

// checkComponentDigests holds each component's layer against its file.
func checkComponentDigests(t *testing.T, src layoutwriter.Source, a *artifact.Artifact) {
	t.Helper()
	for i, layer := range a.WasmLayers() {
		content, err := os.ReadFile(src.Components[i].Path)
		if err != nil {
			t.Fatal(err)
		}
		if layer.Digest != digest.FromBytes(content) || layer.Size != int64(len(content)) {
			t.Errorf("component %s is %s of %d bytes, not its file's", artifact.Name(layer), layer.Digest, layer.Size)
		}
	}
}

// plainTar opens a filesystem layer and decompresses it.
func plainTar(t *testing.T, dir string, desc ocispec.Descriptor) io.Reader {
	t.Helper()
	blob, err := layout(dir).Fetch(t.Context(), desc)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { blob.Close() })
	switch {
	case strings.HasSuffix(desc.MediaType, "+gzip"):
		plain, err := gzip.NewReader(blob)
		if err != nil {
			t.Fatal(err)
		}
		return plain
	case strings.HasSuffix(desc.MediaType, "+zstd"):
		plain, err := zstd.NewReader(blob)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(plain.Close)
		return plain
	}
	return blob
}

func TestCompressionErrors(t *testing.T) {
	cases := []struct{ name, level, says string }{
		{"estargz", "", "snapshotter"},
		{"lz4", "", "gzip, zstd or uncompressed"},
		{"Gzip", "", `"Gzip"`},
		{"gzip", "10", "0 to 9"},
		{"", "-1", "gzip has no level"},
		{"zstd", "23", "0 to 22"},
		{"zstd", "best", `"best"`},
		{"uncompressed", "1", "has no levels"},
	}
	for _, c := range cases {
		compression, err := layoutwriter.ParseCompression(c.name)
		if err == nil {
			_, err = compression.WithLevel(c.level)
		}
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s %s: no error that says %q: %v", c.name, c.level, c.says, err)
		}
	}
}

// TestUnknownCompressionLeavesNothing: given a compression that is none, no
// half of a layer stays behind.
func TestUnknownCompressionLeavesNothing(t *testing.T) {
	src, dir := source(t), t.TempDir()
	src.Compression.Algorithm = "lz4"
	if _, err := layoutwriter.Write(dir, src); err == nil {
		t.Fatal("no error")
	}
	if left, err := filepath.Glob(filepath.Join(dir, "blobs", "sha256", ".*")); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v (%v)", left, err)
	}
}
