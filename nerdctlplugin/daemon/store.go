package daemon

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/platforms"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/wasmfile/wasmfile/pkg/artifact"
	"github.com/wasmfile/wasmfile/pkg/unpack"
)

// SaveImage records what was stored as an image of a name, in the place of another one of
// that name, and unpacks it: all layers of an artifact.FormImage, and of the other forms
// those for the filesystem. snapshotter may be empty for containerd's default.
func SaveImage(ctx context.Context, client *containerd.Client, image images.Image, form artifact.Form, snapshotter string) (images.Image, error) {
	record, err := unpack.SaveRecord(ctx, client.ImageService(), image)
	if err != nil {
		return record, fmt.Errorf("save the image %s: %w", image.Name, err)
	}
	if form == artifact.FormImage {
		if err := containerd.NewImageWithPlatform(client, record, platforms.All).Unpack(ctx, snapshotter); err != nil {
			return record, fmt.Errorf("unpack %s: %w", record.Name, err)
		}
		return record, nil
	}
	_, err = unpack.Existing(ctx, client, record, unpack.Options{Snapshotter: snapshotter})
	return record, err
}

// WriteJSON stores a value as a blob in JSON and returns its descriptor. labels, which may
// be nil, are those of the blob in containerd: a manifest's keep what it refers to.
func WriteJSON(ctx context.Context, store content.Ingester, mediaType string, value any, labels map[string]string) (ocispec.Descriptor, error) {
	encoded, err := json.Marshal(value)
	if err != nil {
		return ocispec.Descriptor{}, fmt.Errorf("encode %s: %w", mediaType, err)
	}
	desc := ocispec.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(encoded), Size: int64(len(encoded))}
	err = content.WriteBlob(ctx, store, "wasmfile-"+desc.Digest.String(), bytes.NewReader(encoded), desc, content.WithLabels(labels))
	return desc, err
}
