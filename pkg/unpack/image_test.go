package unpack

import (
	"path/filepath"
	"testing"

	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/core/metadata"
	"github.com/containerd/containerd/v2/pkg/namespaces"
	"github.com/containerd/errdefs"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	bolt "go.etcd.io/bbolt"
	"golang.org/x/sync/errgroup"
)

// Given many who save an image of the same name and remove it, all at once, nobody is
// told of what another did. In the place of an image with some components, one is whole.
func TestSaveRecordAtOnce(t *testing.T) {
	db, err := bolt.Open(filepath.Join(t.TempDir(), "meta.db"), 0o600, &bolt.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	ctx := namespaces.WithNamespace(t.Context(), "test")
	store := metadata.NewImageStore(metadata.NewDB(db, nil, nil))
	target := func(content string) ocispec.Descriptor {
		return ocispec.Descriptor{MediaType: ocispec.MediaTypeImageManifest, Digest: digest.FromString(content), Size: int64(len(content))}
	}
	var group errgroup.Group
	for _, content := range []string{"one", "another"} {
		for range 4 {
			group.Go(func() error {
				for range 50 {
					if _, err := SaveRecord(ctx, store, images.Image{Name: "same", Target: target(content)}); err != nil {
						return err
					}
					if err := store.Delete(ctx, "same"); err != nil && !errdefs.IsNotFound(err) {
						return err
					}
				}
				return nil
			})
		}
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	partial := images.Image{Name: "same", Target: target("one"), Labels: map[string]string{PartialLabel: "true"}}
	for _, image := range []images.Image{partial, {Name: "same", Target: target("another")}} {
		saved, err := SaveRecord(ctx, store, image)
		if err != nil || saved.Target.Digest != image.Target.Digest || isPartial(saved) != isPartial(image) {
			t.Errorf("%+v is saved as %+v, %v", image, saved, err)
		}
	}
}
