package artifact

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

const (
	// AnnotationKind is on each Wasm layer: "component" or "module".
	AnnotationKind = "io.github.wasmfile.wasm.kind"

	// AnnotationLayers is the runtime-spec annotation that holds the JSON array
	// of the Wasm layers' descriptors. The config label of this name has all
	// layers that are not of the filesystem.
	AnnotationLayers = "io.github.wasmfile.layers"

	// AnnotationManifest is the runtime-spec annotation that holds the JSON
	// descriptor of the manifest that AnnotationLayers comes from.
	AnnotationManifest = "io.github.wasmfile.manifest"

	// StandardPrefix begins the keys that mean the same as a label and as an
	// annotation (image-spec, annotations.md).
	StandardPrefix = "org.opencontainers.image."

	// LabelComponentPrefix, followed by a component's name, is the config
	// label that holds the component's ComponentInterface as JSON.
	LabelComponentPrefix = "io.github.wasmfile.component."
)

// ComponentInterface is what a component needs and offers, as recorded in the
// config label LabelComponentPrefix+name. Both lists are sorted.
type ComponentInterface struct {
	Imports []string `json:"imports"`
	Exports []string `json:"exports"`
}

// RuntimeAnnotations are the runtime-spec annotations that tell a shim what
// to run: the layers' digests by media type (the contract of containerd#8699),
// the Wasm layers' descriptors when there are any, and the descriptor of the
// manifest.
func (a *Artifact) RuntimeAnnotations() (map[string]string, error) {
	byType := make(map[string][]string)
	for _, l := range a.Manifest.Layers {
		if !IsFilesystemLayer(l.MediaType) {
			byType[l.MediaType] = append(byType[l.MediaType], l.Digest.String())
		}
	}
	annotations := make(map[string]string, len(byType)+2)
	for mediaType, digests := range byType {
		annotations[mediaType] = strings.Join(digests, ",")
	}
	if wasm := a.WasmLayers(); len(wasm) > 0 {
		layers, err := json.Marshal(wasm)
		if err != nil {
			return nil, fmt.Errorf("encode the layers of %s: %w", a.Descriptor.Digest, err)
		}
		annotations[AnnotationLayers] = string(layers)
	}
	manifest, err := json.Marshal(ocispec.Descriptor{
		MediaType: a.Descriptor.MediaType, Digest: a.Descriptor.Digest, Size: a.Descriptor.Size,
	})
	if err != nil {
		return nil, fmt.Errorf("encode the descriptor of %s: %w", a.Descriptor.Digest, err)
	}
	annotations[AnnotationManifest] = string(manifest)
	return annotations, nil
}

// IsRuntimeAnnotation reports whether a key is one that RuntimeAnnotations
// may set. A client must not let images or users set these.
func IsRuntimeAnnotation(key string) bool {
	return key == AnnotationLayers || key == AnnotationManifest || IsWasmLayer(key)
}

// IsLayerLabel reports whether a config label is one in which layoutwriter.Write records
// the layers.
func IsLayerLabel(key string) bool {
	return key == AnnotationLayers || strings.HasPrefix(key, LabelComponentPrefix)
}

// LayersFromAnnotations reads the Wasm layers that RuntimeAnnotations wrote:
// AnnotationLayers, else the lists of digests by media type, whose descriptors
// then have no size. It returns nil when there is neither, and ErrInvalid
// when there is something that cannot be what RuntimeAnnotations writes.
func LayersFromAnnotations(annotations map[string]string) ([]ocispec.Descriptor, error) {
	if encoded, ok := annotations[AnnotationLayers]; ok {
		var layers []ocispec.Descriptor
		if err := json.Unmarshal([]byte(encoded), &layers); err != nil {
			return nil, fmt.Errorf("%w: annotation %s: %w", ErrInvalid, AnnotationLayers, err)
		}
		return layers, CheckLayers(layers)
	}
	var layers []ocispec.Descriptor
	for _, mediaType := range wasmLayerTypes {
		list, ok := annotations[mediaType]
		if !ok {
			continue
		}
		for _, s := range strings.Split(list, ",") {
			d, err := digest.Parse(strings.TrimSpace(s))
			if err != nil {
				return nil, fmt.Errorf("%w: annotation %s: %q: %w", ErrInvalid, mediaType, s, err)
			}
			layers = append(layers, ocispec.Descriptor{MediaType: mediaType, Digest: d})
		}
	}
	return layers, CheckLayers(layers)
}
