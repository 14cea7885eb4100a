package artifact

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

const (
	// MaxDocumentSize is the most bytes that a manifest, index or config may
	// have.
	MaxDocumentSize = 4 << 20

	// MaxLayers is the most layers that a manifest may have, and the most
	// manifests of an index: as many descriptors as fit into MaxDocumentSize
	// even with the longest names.
	MaxLayers = 4096
)

// Fetcher opens the content that a descriptor names. Nothing that it returns
// is trusted.
type Fetcher interface {
	Fetch(ctx context.Context, desc ocispec.Descriptor) (io.ReadCloser, error)
}

// FetcherFunc is a function that is a Fetcher.
type FetcherFunc func(ctx context.Context, desc ocispec.Descriptor) (io.ReadCloser, error)

// Fetch calls f.
func (f FetcherFunc) Fetch(ctx context.Context, desc ocispec.Descriptor) (io.ReadCloser, error) {
	return f(ctx, desc)
}

// Artifact is a manifest with its config, both verified.
type Artifact struct {
	// Descriptor is the manifest's own.
	Descriptor ocispec.Descriptor
	// Manifest is what it says.
	Manifest ocispec.Manifest
	// Form tells which kind of config it has.
	Form Form
	// Config is the image config. In FormCNCF only architecture, os,
	// created and author are set, in FormBare nothing: there is no entrypoint
	// in these forms.
	Config dockerspec.DockerOCIImage
}

// Read fetches and checks the manifest that desc names, and its config. It
// returns an UnknownLayersError (ErrNoWasm) when no layer is Wasm, unless all
// are files of an image for Wasm, and errors that match ErrTooLarge,
// ErrDigestMismatch, ErrSizeMismatch or ErrInvalid for documents that are not
// what they claim to be.
func Read(ctx context.Context, f Fetcher, desc ocispec.Descriptor) (*Artifact, error) {
	manifest, err := ReadManifest(ctx, f, desc)
	if err != nil {
		return nil, err
	}
	a := &Artifact{Descriptor: desc, Manifest: manifest}
	hasWasm := len(a.WasmLayers()) > 0
	unknown := &UnknownLayersError{Manifest: desc.Digest, MediaTypes: distinctMediaTypes(a.Manifest.Layers)}
	if !hasWasm && !a.isImage() {
		return nil, unknown
	}
	if err := a.readConfig(ctx, f); err != nil {
		return nil, fmt.Errorf("config %s of manifest %s: %w", a.Manifest.Config.Digest, desc.Digest, err)
	}
	if !hasWasm {
		if _, ok := WasmRank(&a.Config.Platform); !ok {
			unknown.Platform = a.Config.Platform
			return nil, unknown
		}
		a.Form = FormImage
	}
	if err := checkDiffIDs(a); err != nil {
		return nil, fmt.Errorf("config %s of manifest %s: %w", a.Manifest.Config.Digest, desc.Digest, err)
	}
	return a, nil
}

// isImage reports whether a manifest is one of an image as container engines
// know it, for whatever platform.
func (a *Artifact) isImage() bool {
	return len(a.Manifest.Layers) > 0 && len(a.FilesystemLayers()) == len(a.Manifest.Layers) && isImageConfig(a.Manifest.Config.MediaType)
}

// ReadManifest fetches and checks the manifest that desc names, and nothing
// else. It returns errors that match ErrTooLarge, ErrDigestMismatch,
// ErrSizeMismatch or ErrInvalid.
func ReadManifest(ctx context.Context, f Fetcher, desc ocispec.Descriptor) (ocispec.Manifest, error) {
	var manifest ocispec.Manifest
	if !IsManifest(desc.MediaType) {
		return manifest, fmt.Errorf("%w: %s is a %q, not an image manifest", ErrInvalid, desc.Digest, desc.MediaType)
	}
	encoded, err := ReadDocument(ctx, f, desc)
	if err != nil {
		return manifest, fmt.Errorf("read manifest: %w", err)
	}
	if err := json.Unmarshal(encoded, &manifest); err != nil {
		return manifest, fmt.Errorf("%w: manifest %s: %w", ErrInvalid, desc.Digest, err)
	}
	if err := checkManifest(manifest); err != nil {
		return manifest, fmt.Errorf("manifest %s: %w", desc.Digest, err)
	}
	return manifest, nil
}

func (a *Artifact) readConfig(ctx context.Context, f Fetcher) error {
	switch mediaType := a.Manifest.Config.MediaType; {
	case isImageConfig(mediaType):
		a.Form = FormOCI
	case mediaType == MediaTypeWasmConfig:
		a.Form = FormCNCF
	case slices.Contains(bareConfigTypes, mediaType):
		a.Form = FormBare
	default:
		return fmt.Errorf("%w: media type %q is neither an image config nor %s", ErrInvalid, mediaType, MediaTypeWasmConfig)
	}
	encoded, err := ReadDocument(ctx, f, a.Manifest.Config)
	if err != nil {
		return err
	}
	if a.Form == FormBare {
		return nil
	}
	if err := json.Unmarshal(encoded, &a.Config); err != nil {
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	if a.Form == FormCNCF {
		a.Config = dockerspec.DockerOCIImage{Image: ocispec.Image{
			Created: a.Config.Created, Author: a.Config.Author, Platform: a.Config.Platform,
		}}
	}
	return nil
}

// WasmLayers are the layers that are raw .wasm blobs, in manifest order.
func (a *Artifact) WasmLayers() []ocispec.Descriptor {
	return filter(a.Manifest.Layers, func(l ocispec.Descriptor) bool { return IsWasmLayer(l.MediaType) })
}

// FilesystemLayers are the layers to unpack, in manifest order.
func (a *Artifact) FilesystemLayers() []ocispec.Descriptor {
	return filter(a.Manifest.Layers, func(l ocispec.Descriptor) bool { return IsFilesystemLayer(l.MediaType) })
}

// FilesystemDiffIDs are the diff_ids of the filesystem layers, also where the config
// counts all layers. They are never nil, which a config could not hold.
func (a *Artifact) FilesystemDiffIDs() []digest.Digest {
	diffIDs, layers, counted := []digest.Digest{}, a.Manifest.Layers, a.Config.RootFS.DiffIDs
	if len(counted) != len(layers) {
		return append(diffIDs, counted...)
	}
	for i, layer := range layers {
		if IsFilesystemLayer(layer.MediaType) {
			diffIDs = append(diffIDs, counted[i])
		}
	}
	return diffIDs
}

// Platform is that of the config, or wasip2/wasm where the config does not have a whole
// one, as in forms without.
func (a *Artifact) Platform() ocispec.Platform {
	platform := a.Config.Platform
	if platform.OS == "" || platform.Architecture == "" {
		return ocispec.Platform{OS: "wasip2", Architecture: WasmArchitecture}
	}
	return platform
}

// ReadDocument reads a manifest, index or config whole: bounded, and verified
// against the descriptor's size and digest. It returns errors that match
// ErrTooLarge, ErrSizeMismatch or ErrDigestMismatch.
func ReadDocument(ctx context.Context, f Fetcher, desc ocispec.Descriptor) (_ []byte, err error) {
	if err := desc.Digest.Validate(); err != nil {
		return nil, fmt.Errorf("%w: digest %q: %w", ErrInvalid, desc.Digest, err)
	}
	if desc.Size > MaxDocumentSize {
		return nil, fmt.Errorf("%s: %w: %d bytes, the limit is %d", desc.Digest, ErrTooLarge, desc.Size, MaxDocumentSize)
	}
	r, err := f.Fetch(ctx, desc)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", desc.Digest, err)
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	content, err := io.ReadAll(io.LimitReader(r, MaxDocumentSize+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", desc.Digest, err)
	}
	if len(content) > MaxDocumentSize {
		return nil, fmt.Errorf("%s: %w: over %d bytes", desc.Digest, ErrTooLarge, MaxDocumentSize)
	}
	if desc.Size > 0 && int64(len(content)) != desc.Size {
		return nil, fmt.Errorf("%s: %w: %d bytes instead of %d", desc.Digest, ErrSizeMismatch, len(content), desc.Size)
	}
	if actual := desc.Digest.Algorithm().FromBytes(content); actual != desc.Digest {
		return nil, fmt.Errorf("%s: %w: the content is %s", desc.Digest, ErrDigestMismatch, actual)
	}
	return content, nil
}

func filter(layers []ocispec.Descriptor, keep func(ocispec.Descriptor) bool) []ocispec.Descriptor {
	var kept []ocispec.Descriptor
	for _, l := range layers {
		if keep(l) {
			kept = append(kept, l)
		}
	}
	return kept
}
