package images

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/errdefs"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/wasmfile/wasmfile/pkg/artifact"
	"github.com/wasmfile/wasmfile/pkg/unpack"
)

// wasmImage is an image record that leads to an artifact.
type wasmImage struct {
	record   images.Image
	artifact *artifact.Artifact
}

// wasmImages are the artifacts among image records. What cannot be read is left
// out: somebody may be pulling or removing it.
func wasmImages(ctx context.Context, store content.Provider, records []images.Image) []wasmImage {
	var found []wasmImage
	for _, record := range records {
		if a, err := unpack.Read(ctx, store, record, ""); err == nil {
			found = append(found, wasmImage{record, a})
		}
	}
	return found
}

// componentNames are the names of an artifact's components: of its layers, or the
// file that an image whose component is one starts.
func componentNames(a *artifact.Artifact) []string {
	if a.Form != artifact.FormImage {
		return artifact.Names(a.WasmLayers())
	}
	config := a.Config.Config
	if process := slices.Concat(config.Entrypoint, config.Cmd); len(process) > 0 && process[0] != "" {
		return process[:1]
	}
	return []string{"-"}
}

// blobs are the sizes in bytes of what an artifact consists of, by digest.
func blobs(root ocispec.Descriptor, a *artifact.Artifact) map[digest.Digest]int64 {
	sizes := map[digest.Digest]int64{
		root.Digest: root.Size, a.Descriptor.Digest: a.Descriptor.Size, a.Manifest.Config.Digest: a.Manifest.Config.Size,
	}
	for _, layer := range a.Manifest.Layers {
		sizes[layer.Digest] = layer.Size
	}
	return sizes
}

// users counts how many different images need each blob.
func users(ctx context.Context, store content.Provider, records []images.Image) (map[digest.Digest]int, error) {
	count, seen := make(map[digest.Digest]int), make(map[digest.Digest]bool)
	for _, record := range records {
		if seen[record.Target.Digest] {
			continue
		}
		seen[record.Target.Digest] = true
		own := make(map[digest.Digest]bool)
		children := func(ctx context.Context, desc ocispec.Descriptor) ([]ocispec.Descriptor, error) {
			own[desc.Digest] = true
			children, err := images.Children(ctx, store, desc)
			if errdefs.IsNotFound(err) { // of another platform
				return nil, images.ErrSkipDesc
			}
			return children, err
		}
		if err := images.Walk(ctx, images.HandlerFunc(children), record.Target); err != nil && !errors.Is(err, images.ErrSkipDesc) {
			return nil, fmt.Errorf("image %s: %w", record.Name, err)
		}
		for blob := range own {
			count[blob]++
		}
	}
	return count, nil
}
