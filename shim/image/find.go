package image

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"

	containersapi "github.com/containerd/containerd/api/services/containers/v1"
	imagesapi "github.com/containerd/containerd/api/services/images/v1"
	"github.com/containerd/errdefs"
	"github.com/containerd/errdefs/pkg/errgrpc"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/wasmfile/wasmfile/pkg/artifact"
)

// ErrNotListed is returned when an annotation names a layer that the
// container's image does not have.
var ErrNotListed = errors.New("not a layer of the container's image")

// Wasm is what a container may run.
type Wasm struct {
	// Layers are the Wasm layers, in the manifest's order.
	Layers []ocispec.Descriptor
	// Name is the image's, empty when it is not known.
	Name string
	// Manifest is the digest of the image's manifest, empty when it is gone.
	Manifest digest.Digest
	// ExposedPorts are those of the image config, nil when that is not known.
	ExposedPorts map[string]struct{}
	// Image is the digest of the manifest or index that the image is,
	// empty when that is not known.
	Image digest.Digest
	// Platform is the one for Wasm of an image whose component is a file.
	Platform string
}

// Find returns the Wasm of a container: the Wasm layers of the image that the
// container's record names. Layers that the annotations name must be among them,
// or the error matches ErrNotListed. Without layers the container is a native
// one, or its component is a file.
//
// A name may have been removed, or moved to another image, since the container
// was made, and the container is to start again all the same. Then the
// manifest that the annotations recorded counts, except in Kubernetes: there
// the authors of pods may write annotations, and would reach images that they
// may not pull.
func Find(ctx context.Context, b Blobs, containerID string, annotations map[string]string) (*Wasm, error) {
	c, err := readClaim(annotations)
	if err != nil {
		return nil, err
	}
	name, target, err := b.Store.imageOf(ctx, containerID)
	if err != nil {
		return nil, fmt.Errorf("find the image of container %s: %w", containerID, err)
	}
	if c.manifest.Digest != "" && c.manifest.Digest != target.Digest {
		// What is not in the container's namespace is not its business.
		if _, err := b.Store.Content.Info(ctx, c.manifest.Digest); err != nil {
			c.manifest = ocispec.Descriptor{}
		}
	}
	found, err := c.settle(ctx, b, target)
	if found != nil {
		found.Name = name
	}
	return found, err
}

// Named returns the Wasm of the image with a name, without layers when its
// components are files. It returns an error that matches errdefs.ErrNotFound when
// there is no such image, and artifact.ErrNoWasm for one without Wasm.
func Named(ctx context.Context, b Blobs, name string) (*Wasm, error) {
	target, err := b.Store.named(ctx, name)
	if err != nil {
		return nil, err
	}
	if target.Digest == "" {
		return nil, fmt.Errorf("image %s: %w: pull it first", name, errdefs.ErrNotFound)
	}
	return fromManifest(ctx, b, target, "")
}

// annotationKubernetes is on every container of Kubernetes' CRI plugin.
const annotationKubernetes = "io.kubernetes.cri.container-type"

// claim is what annotations say about a container's image.
type claim struct {
	layers   []ocispec.Descriptor
	manifest ocispec.Descriptor
	// byAnyone says that those who may not choose images may write it.
	byAnyone bool
}

func readClaim(annotations map[string]string) (c claim, err error) {
	if c.layers, err = artifact.LayersFromAnnotations(annotations); err != nil {
		return c, err
	}
	_, c.byAnyone = annotations[annotationKubernetes]
	encoded, ok := annotations[artifact.AnnotationManifest]
	if !ok {
		return c, nil
	}
	if err := json.Unmarshal([]byte(encoded), &c.manifest); err != nil {
		return c, fmt.Errorf("%w: annotation %s: %w", artifact.ErrInvalid, artifact.AnnotationManifest, err)
	}
	if err := c.manifest.Digest.Validate(); err != nil {
		return c, fmt.Errorf("%w: annotation %s: %w", artifact.ErrInvalid, artifact.AnnotationManifest, err)
	}
	return c, nil
}

// settle compares a claim with the image that the container's name stands
// for, whose descriptor is zero when there is none.
func (c claim) settle(ctx context.Context, f artifact.Fetcher, target ocispec.Descriptor) (*Wasm, error) {
	if len(c.layers) == 0 && c.manifest.Digest != "" && !c.byAnyone {
		target = c.manifest // Of an image whose component is a file.
	}
	found := &Wasm{Image: target.Digest}
	if target.Digest != "" {
		read, err := fromManifest(ctx, f, target, c.manifest.Digest)
		if err != nil && !errors.Is(err, artifact.ErrNoWasm) {
			return nil, err
		}
		if err == nil {
			found = read
		}
	}
	notListed := checkListed(c.layers, found.Layers)
	switch {
	case notListed == nil:
		return found, nil
	case c.byAnyone:
		return nil, notListed
	}
	recorded, err := fromManifest(ctx, f, c.manifest, "")
	if err == nil {
		return recorded, checkListed(c.layers, recorded.Layers)
	}
	if target.Digest == "" {
		// Neither a name nor the manifest is left, only the layers, which
		// the client keeps for the container.
		return &Wasm{Layers: c.layers}, nil
	}
	return nil, notListed
}

// imageOf is the name of a container's image, empty when it was made without
// one, and the descriptor that the name stands for, zero when it was removed
// since.
func (s *Store) imageOf(ctx context.Context, containerID string) (name string, target ocispec.Descriptor, err error) {
	record, err := s.containers.Get(ctx, &containersapi.GetContainerRequest{ID: containerID})
	if errdefs.IsNotFound(errgrpc.ToNative(err)) {
		return "", ocispec.Descriptor{}, nil
	}
	if err != nil {
		return "", ocispec.Descriptor{}, err
	}
	if name = record.Container.Image; name == "" {
		return "", ocispec.Descriptor{}, nil
	}
	target, err = s.named(ctx, name)
	return name, target, err
}

// named is the descriptor that an image's name stands for, zero when there is
// no such image.
func (s *Store) named(ctx context.Context, name string) (ocispec.Descriptor, error) {
	got, err := s.images.Get(ctx, &imagesapi.GetImageRequest{Name: name})
	if errdefs.IsNotFound(errgrpc.ToNative(err)) {
		return ocispec.Descriptor{}, nil
	}
	if err != nil {
		return ocispec.Descriptor{}, fmt.Errorf("image %s: %w", name, err)
	}
	t := got.Image.Target
	return ocispec.Descriptor{MediaType: t.MediaType, Digest: digest.Digest(t.Digest), Size: t.Size}, nil
}

// fromManifest reads the Wasm layers that an image's manifest lists. It
// returns an error that matches artifact.ErrNoWasm for an image that has none and
// is not for Wasm.
func fromManifest(ctx context.Context, b artifact.Fetcher, target ocispec.Descriptor, named digest.Digest) (*Wasm, error) {
	found := &Wasm{Image: target.Digest}
	if artifact.IsIndex(target.MediaType) {
		var err error
		if target, err = choose(ctx, b, target, named); err != nil {
			return nil, err
		}
	}
	if !artifact.IsManifest(target.MediaType) {
		return nil, artifact.ErrNoWasm
	}
	a, err := artifact.Read(ctx, b, target)
	if err != nil {
		return nil, err
	}
	found.Layers, found.Manifest, found.ExposedPorts = a.WasmLayers(), target.Digest, a.Config.Config.ExposedPorts
	if a.Form == artifact.FormImage && found.Image == a.Descriptor.Digest { // Of an index, the container may be of another platform.
		found.Platform = a.Config.OS + "/" + a.Config.Architecture
	}
	return found, nil
}

// choose returns the manifest of an index that has a digest, else the
// best one for Wasm whose content is there: an image for several platforms is
// often pulled for one.
func choose(ctx context.Context, f artifact.Fetcher, index ocispec.Descriptor, named digest.Digest) (ocispec.Descriptor, error) {
	list, err := artifact.ReadIndex(ctx, f, index)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	var best ocispec.Descriptor
	bestRank := math.MaxInt
	for _, m := range list.Manifests {
		if m.Digest == named {
			return m, nil
		}
		if rank, ok := artifact.WasmRank(m.Platform); ok && rank < bestRank && present(ctx, f, m) {
			best, bestRank = m, rank
		}
	}
	if best.Digest == "" {
		return ocispec.Descriptor{}, fmt.Errorf("index %s: %w", index.Digest, artifact.ErrNoWasm)
	}
	return best, nil
}

func present(ctx context.Context, f artifact.Fetcher, desc ocispec.Descriptor) bool {
	r, err := f.Fetch(ctx, desc)
	return err == nil && r.Close() == nil
}

// checkListed returns an error that matches ErrNotListed when a layer that an
// annotation names is not one that the manifest lists.
func checkListed(told, listed []ocispec.Descriptor) error {
	for _, t := range told {
		if !slices.ContainsFunc(listed, func(l ocispec.Descriptor) bool { return l.Digest == t.Digest }) {
			return fmt.Errorf("annotation %s names %s: %w", artifact.AnnotationLayers, t.Digest, ErrNotListed)
		}
	}
	return nil
}
