package artifact

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

const (
	// MediaTypeComponentLayer is the type of every Wasm layer that Wasmfile
	// writes, for components and core modules alike. The blob is the .wasm
	// file itself: no tar, no compression.
	MediaTypeComponentLayer = "application/vnd.bytecodealliance.wasm.component.layer.v0+wasm"

	// MediaTypeWasm is the one layer type of the CNCF TAG Runtime Wasm OCI
	// artifact layout (form "cncf").
	MediaTypeWasm = "application/wasm"

	// MediaTypeWasmConfig is the config type of form "cncf".
	MediaTypeWasmConfig = "application/vnd.wasm.config.v0+json"
)

// Docker's layer types, which registries still hold beside OCI's.
const (
	mediaTypeDockerLayer        = "application/vnd.docker.image.rootfs.diff.tar"
	mediaTypeDockerLayerGzip    = "application/vnd.docker.image.rootfs.diff.tar.gzip"
	mediaTypeDockerLayerZstd    = "application/vnd.docker.image.rootfs.diff.tar.zstd"
	mediaTypeDockerManifest     = "application/vnd.docker.distribution.manifest.v2+json"
	mediaTypeDockerManifestList = "application/vnd.docker.distribution.manifest.list.v2+json"
	mediaTypeDockerConfig       = "application/vnd.docker.container.image.v1+json"
)

// wasmLayerTypes are all types under which a raw .wasm blob is published, the
// one we write first.
var wasmLayerTypes = []string{
	MediaTypeComponentLayer,
	MediaTypeWasm,
	"application/vnd.w3c.wasm.module.v1+wasm",
	"application/vnd.w3c.wasm.component.v1+wasm",
	"application/vnd.wasm.content.layer.v1+wasm",
	"application/vnd.module.wasm.content.layer.v1+wasm",
}

// bareConfigTypes are configs that tools write when they are given none.
var bareConfigTypes = []string{
	ocispec.MediaTypeEmptyJSON,
	"application/vnd.unknown.config.v1+json",
	"application/vnd.wasm.config.v1+json",
}

// WasmLayerTypes returns the layer media types that hold a raw .wasm blob.
func WasmLayerTypes() []string { return slices.Clone(wasmLayerTypes) }

// IsWasmLayer reports whether a layer of this media type is a raw .wasm blob.
func IsWasmLayer(mediaType string) bool { return slices.Contains(wasmLayerTypes, mediaType) }

// IsFilesystemLayer reports whether a layer of this media type is a tar of
// files that containerd unpacks into the root filesystem.
func IsFilesystemLayer(mediaType string) bool {
	base, _, _ := strings.Cut(mediaType, "+")
	switch base {
	case ocispec.MediaTypeImageLayer,
		"application/vnd.oci.image.layer.nondistributable.v1.tar",
		mediaTypeDockerLayer:
		return true
	}
	return mediaType == mediaTypeDockerLayerGzip || mediaType == mediaTypeDockerLayerZstd
}

// IsManifest reports whether a descriptor of this media type is one image
// manifest.
func IsManifest(mediaType string) bool {
	return mediaType == ocispec.MediaTypeImageManifest || mediaType == mediaTypeDockerManifest
}

// IsIndex reports whether a descriptor of this media type is a list of
// manifests.
func IsIndex(mediaType string) bool {
	return mediaType == ocispec.MediaTypeImageIndex || mediaType == mediaTypeDockerManifestList
}

// restrictedName is the syntax of a media type's two names (RFC 6838, 4.2).
var restrictedName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}$`) })

// CheckMediaType returns an error for a media type that a layer may not be
// given: one whose syntax is wrong, and those by which clients take a layer for
// a part of the filesystem or for a document.
func CheckMediaType(mediaType string) error {
	base, name, ok := strings.Cut(mediaType, "/")
	switch {
	case strings.Contains(mediaType, ";"):
		return fmt.Errorf("media type %q has parameters, which a layer's may not have", mediaType)
	case !ok || !restrictedName().MatchString(base) || !restrictedName().MatchString(name):
		return fmt.Errorf("%q is not a media type, such as application/vnd.example.model.v1+json", mediaType)
	}
	switch lower := strings.ToLower(mediaType); {
	case IsWasmLayer(lower) && lower != mediaType:
		return fmt.Errorf("%s is a type that readers know as %s only", mediaType, lower)
	case IsFilesystemLayer(lower), strings.HasPrefix(lower, "application/vnd.oci.image.layer."), strings.HasPrefix(lower, "application/vnd.docker.image.rootfs."):
		return fmt.Errorf("%s is the type of a filesystem layer, which clients unpack", mediaType)
	case IsManifest(lower), IsIndex(lower), lower == "application/vnd.oci.artifact.manifest.v1+json":
		return fmt.Errorf("%s is the type of a manifest, not of a layer", mediaType)
	case isImageConfig(lower), lower == MediaTypeWasmConfig, lower == ocispec.MediaTypeDescriptor, lower == ocispec.MediaTypeLayoutHeader:
		return fmt.Errorf("%s is the type of a document about an image, not of a layer", mediaType)
	}
	return nil
}

func isImageConfig(mediaType string) bool {
	return mediaType == ocispec.MediaTypeImageConfig || mediaType == mediaTypeDockerConfig
}
