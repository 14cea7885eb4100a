package layoutwriter

import (
	"encoding/json"
	"errors"
	"maps"
	"strings"

	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/wasmfile/wasmfile/pkg/artifact"
	"github.com/wasmfile/wasmfile/pkg/wasm"
)

// imageConfig completes the config: what depends on the components and files,
// whose layers these are.
func imageConfig(src Source, layers []ocispec.Descriptor) (dockerspec.DockerOCIImage, error) {
	config := src.Config
	config.Platform = ocispec.Platform{Architecture: artifact.WasmArchitecture, OS: operatingSystem(src.Components)}
	config.History = nil
	config.RootFS = ocispec.RootFS{Type: "layers", DiffIDs: []digest.Digest{}}
	config.Created = nil
	if !src.Epoch.IsZero() {
		created := src.Epoch.UTC()
		config.Created = &created
	}
	config.Config.Labels = maps.Clone(config.Config.Labels)
	if config.Config.Labels == nil {
		config.Config.Labels = make(map[string]string)
	}
	maps.DeleteFunc(config.Config.Labels, func(key, _ string) bool { return strings.HasPrefix(key, artifact.LabelComponentPrefix) })
	setLabel := func(key string, value any) error {
		encoded, err := json.Marshal(value)
		config.Config.Labels[key] = string(encoded)
		return err
	}
	err := setLabel(artifact.AnnotationLayers, layers)
	for _, c := range src.Components {
		err = errors.Join(err, setLabel(artifact.LabelComponentPrefix+c.Name, artifact.ComponentInterface{
			Imports: append([]string{}, c.Info.Imports...),
			Exports: append([]string{}, c.Info.Exports...),
		}))
	}
	return config, err
}

// operatingSystem is the config's os: the lowest WASI that can run all.
func operatingSystem(components []Component) string {
	os := "wasip1"
	for _, c := range components {
		switch {
		case c.Info.WASI == 3:
			return "wasip3"
		case c.Info.Kind == wasm.KindComponent:
			os = "wasip2"
		}
	}
	return os
}
