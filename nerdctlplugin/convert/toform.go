package convert

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/moby/buildkit/util/system"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/wasmfile/wasmfile/nerdctlplugin/layout"
	"github.com/wasmfile/wasmfile/nerdctlplugin/output"
	"github.com/wasmfile/wasmfile/nerdctlplugin/source"
	"github.com/wasmfile/wasmfile/pkg/artifact"
	"github.com/wasmfile/wasmfile/pkg/layoutwriter"
	"github.com/wasmfile/wasmfile/pkg/unpack"
)

// toForm writes the components into a layout of a form, and imports that.
func toForm(ctx context.Context, client *containerd.Client, src *source.Source, form artifact.Form) (_ ocispec.Descriptor, err error) {
	a := src.Artifact
	if form == artifact.FormCNCF {
		if err := holdsComponentsOnly(ctx, src); err != nil {
			return ocispec.Descriptor{}, fmt.Errorf("form %s holds no files, and %w", form, err)
		}
	}
	dir, err := os.MkdirTemp("", "wasmfile-convert-")
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	components, err := writeComponents(ctx, src, dir)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	made := layoutwriter.Source{Form: form, Components: components, Annotations: a.Manifest.Annotations, Config: a.Config}
	if a.Config.Created != nil {
		made.Epoch = *a.Config.Created
	}
	if form == artifact.FormCNCF {
		made.Config.Config = withoutLayerLabels(made.Config.Config)
		// What BuildKit gives every image without being told.
		made.Config.Config.Env = slices.DeleteFunc(slices.Clone(made.Config.Config.Env), func(env string) bool {
			return env == "PATH="+system.DefaultPathEnvUnix
		})
	} else if len(components) == 1 {
		made.Config.Config.Entrypoint = []string{components[0].Name}
	}
	out := filepath.Join(dir, "layout")
	if _, err := layoutwriter.Write(out, made); err != nil {
		return ocispec.Descriptor{}, err
	}
	opened, err := layout.Open(out)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	defer func() { err = errors.Join(err, opened.Close()) }()
	written, err := unpack.Choose(ctx, opened, opened.Root(), "")
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	return copyArtifact(ctx, client, &source.Source{Artifact: written, Content: opened})
}

// writeComponents writes each component to a file.
func writeComponents(ctx context.Context, src *source.Source, dir string) ([]layoutwriter.Component, error) {
	var components []layoutwriter.Component
	for i, layer := range src.Artifact.WasmLayers() {
		info, err := unpack.Parse(ctx, src.Content, layer)
		if err != nil {
			return nil, err
		}
		file := filepath.Join(dir, fmt.Sprintf("%d.wasm", i))
		if err := output.ToFile(file, nil, func(out io.Writer) error {
			return source.WriteComponent(ctx, src.Content, layer, out)
		}); err != nil {
			return nil, err
		}
		components = append(components, layoutwriter.Component{Name: fileName(layer), Path: file, Info: info})
	}
	return components, nil
}
