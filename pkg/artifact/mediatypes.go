package artifact

import (
	"slices"
	"strings"

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

func isImageConfig(mediaType string) bool {
	return mediaType == ocispec.MediaTypeImageConfig || mediaType == mediaTypeDockerConfig
}
