package convert

import (
	"archive/tar"
	"context"
	"errors"
	"io"
	"os"
	"time"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/content"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/wasmfile/wasmfile/nerdctlplugin/daemon"
	"github.com/wasmfile/wasmfile/nerdctlplugin/source"
	"github.com/wasmfile/wasmfile/pkg/artifact"
)

// toImage makes an image of the filesystem layers and one more, with the
// components at the top.
func toImage(ctx context.Context, client *containerd.Client, src *source.Source) (ocispec.Descriptor, error) {
	store, a := client.ContentStore(), src.Artifact
	files := a.FilesystemLayers()
	for _, layer := range files {
		if err := copyBlob(ctx, store, src.Content, layer); err != nil {
			return ocispec.Descriptor{}, err
		}
	}
	layer, err := storeFiles(ctx, store, src)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	config := a.Config
	config.Platform = a.Platform()
	config.Config = withoutLayerLabels(config.Config)
	config.RootFS = ocispec.RootFS{Type: "layers", DiffIDs: append(a.FilesystemDiffIDs(), layer.Digest)}
	if len(config.Config.Entrypoint)+len(config.Config.Cmd) == 0 && len(a.WasmLayers()) == 1 {
		config.Config.Entrypoint = []string{fileName(a.WasmLayers()[0])}
	}
	if process := config.Config.Entrypoint; len(process) > 0 {
		if entry, err := artifact.Select(a.WasmLayers(), process[0]); err == nil && entry.Func == "" {
			config.Config.Entrypoint = append([]string{"/" + fileName(entry.Layer)}, process[1:]...)
		}
	}
	configDesc, err := daemon.WriteJSON(ctx, store, ocispec.MediaTypeImageConfig, config, nil)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	return writeManifest(ctx, store, ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest,
		Config: configDesc, Layers: append(files, layer), Annotations: a.Manifest.Annotations,
	})
}

// storeFiles stores a layer with the components as files, of which the same
// components make the same bytes.
func storeFiles(ctx context.Context, store content.Store, src *source.Source) (_ ocispec.Descriptor, err error) {
	file, err := os.CreateTemp("", "wasmfile-convert-*.tar")
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	defer func() { err = errors.Join(err, file.Close(), os.Remove(file.Name())) }()
	sum := digest.Canonical.Digester()
	archive := tar.NewWriter(io.MultiWriter(file, sum.Hash()))
	for _, layer := range src.Artifact.WasmLayers() {
		header := &tar.Header{Name: fileName(layer), Size: layer.Size, Mode: 0o755, ModTime: time.Unix(0, 0), Format: tar.FormatPAX}
		if err := archive.WriteHeader(header); err != nil {
			return ocispec.Descriptor{}, err
		}
		if err := source.WriteComponent(ctx, src.Content, layer, archive); err != nil {
			return ocispec.Descriptor{}, err
		}
	}
	if err := archive.Close(); err != nil {
		return ocispec.Descriptor{}, err
	}
	info, err := file.Stat()
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	desc := ocispec.Descriptor{MediaType: ocispec.MediaTypeImageLayer, Digest: sum.Digest(), Size: info.Size()}
	return desc, content.WriteBlob(ctx, store, "wasmfile-"+desc.Digest.String(), io.NewSectionReader(file, 0, info.Size()), desc)
}
