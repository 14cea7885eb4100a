package layoutwriter

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"time"

	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/wasmfile/wasmfile/pkg/artifact"
	"github.com/wasmfile/wasmfile/pkg/wasm"
)

// wasmConfig is a config of artifact.MediaTypeWasmConfig, by the CNCF TAG Runtime "Wasm
// OCI Artifact layout".
type wasmConfig struct {
	// Created is required by readers.
	Created      time.Time `json:"created"`
	Author       string    `json:"author,omitempty"`
	Architecture string    `json:"architecture"`
	// OS is one of the two that the document lists: wasip1 for core modules,
	// wasip2 for components of any WASI.
	OS           string          `json:"os"`
	LayerDigests []digest.Digest `json:"layerDigests"`
	// Component is null for a core module.
	Component *wasmConfigComponent `json:"component"`
}

// wasmConfigComponent has no target: a binary does not name its world.
type wasmConfigComponent struct {
	Exports []string `json:"exports"`
	Imports []string `json:"imports"`
}

// cncf writes the layer of artifact.FormCNCF.
func (w layoutWriter) cncf(src Source) (manifestParts, error) {
	if err := checkCNCF(src); err != nil {
		return manifestParts{}, fmt.Errorf("%w: form %s holds %w", artifact.ErrInvalid, artifact.FormCNCF, err)
	}
	component := src.Components[0]
	component.MediaType = artifact.MediaTypeWasm
	layers, err := w.components([]Component{component})
	if err != nil {
		return manifestParts{}, err
	}
	config := wasmConfig{
		Created:      w.epoch.UTC(),
		Author:       author(src),
		Architecture: artifact.WasmArchitecture,
		OS:           "wasip1",
		LayerDigests: []digest.Digest{layers[0].Digest},
	}
	if info := component.Info; info.Kind == wasm.KindComponent {
		config.OS = "wasip2"
		config.Component = &wasmConfigComponent{
			Exports: append([]string{}, info.Exports...),
			Imports: append([]string{}, info.Imports...),
		}
	}
	platform := ocispec.Platform{Architecture: config.Architecture, OS: config.OS}
	return manifestParts{artifact.MediaTypeWasmConfig, config, platform, layers}, nil
}

// checkCNCF says of what is in a source and would be lost that the form does
// not hold it.
func checkCNCF(src Source) error {
	if n := len(src.Components); n != 1 {
		return fmt.Errorf("one component, not %d", n)
	}
	if mediaType := src.Components[0].MediaType; mediaType != "" && mediaType != artifact.MediaTypeWasm {
		return fmt.Errorf("no layer of type %s", mediaType)
	}
	if len(src.Files) > 0 {
		return fmt.Errorf("no layer of type %s", src.Files[0].MediaType)
	}
	if src.RootFS != "" {
		entries, err := os.ReadDir(src.RootFS)
		if err != nil {
			return err
		}
		if len(entries) > 0 {
			return fmt.Errorf("no files, such as /%s", entries[0].Name())
		}
	}
	return checkCNCFConfig(src.Config.Config)
}

func checkCNCFConfig(config dockerspec.DockerOCIImageConfig) error {
	for label := range config.Labels {
		if !strings.HasPrefix(label, artifact.StandardPrefix) {
			return fmt.Errorf("no label, such as %s", label)
		}
	}
	args := slices.Concat(config.Entrypoint, config.Cmd)
	if len(args) > 1 || len(args) == 1 && strings.Contains(args[0], "#") {
		return fmt.Errorf("no process, such as %q", args)
	}
	// What is left is a config's without instructions.
	config.Labels, config.Entrypoint, config.Cmd = nil, nil, nil
	if config.WorkingDir == "/" {
		config.WorkingDir = ""
	}
	if len(config.Env) == 0 {
		config.Env = nil
	}
	if !reflect.DeepEqual(config, dockerspec.DockerOCIImageConfig{}) {
		return errors.New("nothing of an image's config")
	}
	return nil
}

// author is the config's, else that of the standard annotation.
func author(src Source) string {
	if src.Config.Author != "" {
		return src.Config.Author
	}
	return src.Annotations[ocispec.AnnotationAuthors]
}
