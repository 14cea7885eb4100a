package convert

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/leases"
	"github.com/containerd/containerd/v2/core/metadata"
	"github.com/containerd/containerd/v2/pkg/namespaces"
	"github.com/containerd/containerd/v2/plugins/content/local"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	bolt "go.etcd.io/bbolt"
)

// Given a blob that is there, and whose image is removed while it is converted, the
// conversion keeps it.
func TestCopyBlobKeeps(t *testing.T) {
	dir := t.TempDir()
	blobs, err := local.NewStore(filepath.Join(dir, "content"))
	if err != nil {
		t.Fatal(err)
	}
	file, err := bolt.Open(filepath.Join(dir, "meta.db"), 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	db := metadata.NewDB(file, blobs, nil)
	store, manager := db.ContentStore(), metadata.NewLeaseManager(db)
	ctx := namespaces.WithNamespace(t.Context(), "test")
	image, err := manager.Create(ctx, leases.WithRandomID())
	if err != nil {
		t.Fatal(err)
	}
	conversion, err := manager.Create(ctx, leases.WithRandomID())
	if err != nil {
		t.Fatal(err)
	}
	blob := ocispec.Descriptor{MediaType: ocispec.MediaTypeImageLayer, Digest: digest.FromString("layer"), Size: 5}
	if err := content.WriteBlob(leases.WithLease(ctx, image.ID), store, "layer", strings.NewReader("layer"), blob); err != nil {
		t.Fatal(err)
	}
	err = copyBlob(leases.WithLease(ctx, conversion.ID), store, store, blob)
	if err := errors.Join(err, manager.Delete(ctx, image)); err != nil {
		t.Fatal(err)
	}
	if _, err := db.GarbageCollect(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Info(ctx, blob.Digest); err != nil {
		t.Error(err)
	}
}
