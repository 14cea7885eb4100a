package image

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/plugins/content/local"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/wasmfile/wasmfile/pkg/artifact"
)

// Given a blob that is no file of its own, whose copy a container runs, another copy
// of it leaves the container the one that it has, whole, also when the blob is damaged by
// then.
func TestFileOfRunning(t *testing.T) {
	root, dir := t.TempDir(), t.TempDir()
	store, err := local.NewStore(root)
	if err != nil {
		t.Fatal(err)
	}
	code := bytes.Repeat([]byte("code"), 10_000)
	desc := ocispec.Descriptor{Digest: digest.FromBytes(code), Size: int64(len(code))}
	if err := content.WriteBlob(t.Context(), store, "code", bytes.NewReader(code), desc); err != nil {
		t.Fatal(err)
	}
	blobs := Blobs{Store: &Store{Content: store}}
	path, err := blobs.File(t.Context(), desc, dir)
	if err != nil {
		t.Fatal(err)
	}
	running, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer running.Close()
	blob := filepath.Join(root, "blobs", "sha256", desc.Digest.Encoded())
	if err := errors.Join(os.Chmod(blob, 0o600), os.WriteFile(blob, code[1:], 0o600)); err != nil {
		t.Fatal(err)
	}
	if _, err := blobs.File(t.Context(), desc, dir); !errors.Is(err, artifact.ErrSizeMismatch) {
		t.Errorf("a damaged blob gives %v", err)
	}
	if got, err := io.ReadAll(running); err != nil || !bytes.Equal(got, code) {
		t.Errorf("the container has %d bytes of %d, %v", len(got), len(code), err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("left are %v, %v", left, err)
	}
}
