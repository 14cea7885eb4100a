package convert

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/containerd/containerd/v2/core/content"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	runtimespec "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/wasmfile/wasmfile/nerdctlplugin/advice"
	"github.com/wasmfile/wasmfile/nerdctlplugin/daemon"
	"github.com/wasmfile/wasmfile/nerdctlplugin/source"
	"github.com/wasmfile/wasmfile/pkg/artifact"
	"github.com/wasmfile/wasmfile/pkg/executable"
	"github.com/wasmfile/wasmfile/pkg/unpack"
	"github.com/wasmfile/wasmfile/pkg/wasm"
)

// withLayer makes an artifact of an image whose component is a file: the same
// layers and config, and before them the component as a layer of its own. The
// caller holds a lease on what is stored.
func withLayer(ctx context.Context, src *source.Source, snapshotter string) (*artifact.Artifact, error) {
	if src.Layout != nil {
		return nil, advice.Add(fmt.Errorf("%s: its component is a file, and the files of a layout are packed", src.Name), "bring it into containerd with `nerdctl wasm load`, and convert that")
	}
	a, store := src.Artifact, src.Client.ContentStore()
	var layer ocispec.Descriptor
	err := src.WithFiles(ctx, snapshotter, func(root *os.Root) (err error) {
		layer, err = storeComponent(ctx, store, root, a.Config)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("image %s: %w", src.Name, err)
	}
	return storeArtifact(ctx, store, a.Manifest, a.Config, layer)
}

// storeComponent finds the component in an image's files and stores it as a
// blob.
func storeComponent(ctx context.Context, store content.Ingester, root *os.Root, config dockerspec.DockerOCIImage) (ocispec.Descriptor, error) {
	file, name, err := openComponent(root, config.Config)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	defer file.Close()
	desc, err := source.DescribeFile(file, path.Base(name))
	if err != nil {
		return ocispec.Descriptor{}, fmt.Errorf("component %s: %w", name, err)
	}
	parsed, err := wasm.Parse(file, desc.Size)
	if err != nil {
		return ocispec.Descriptor{}, fmt.Errorf("component %s: %w", name, err)
	}
	desc.Annotations[artifact.AnnotationKind] = string(parsed.Kind)
	return desc, content.WriteBlob(ctx, store, "wasmfile-"+desc.Digest.String(), io.NewSectionReader(file, 0, desc.Size), desc)
}

// openComponent opens the WebAssembly file that the process starts, else the only one that
// there is, and returns what it is called.
func openComponent(root *os.Root, config dockerspec.DockerOCIImageConfig) (file *os.File, name string, err error) {
	process := &runtimespec.Process{Args: slices.Concat(config.Entrypoint, config.Cmd), Env: config.Env, Cwd: config.WorkingDir}
	file, err = executable.Open(root.Name(), process)
	if err != nil {
		return nil, "", err
	}
	if file != nil {
		name, _, _ = strings.Cut(executable.WithoutInit(process.Args)[0], "#")
		return file, name, nil
	}
	found, err := executable.Files(root)
	switch {
	case err != nil:
		return nil, "", err
	case len(found) == 0:
		return nil, "", fmt.Errorf("%w: none of its files is", artifact.ErrNoWasm)
	case len(found) > 1:
		return nil, "", fmt.Errorf("which of %s is to run? the entrypoint names none: say it with ENTRYPOINT", strings.Join(found, ", "))
	}
	file, err = root.Open(found[0])
	return file, found[0], err
}

// storeArtifact stores the manifest and config of an artifact with the
// filesystem layers of an image.
func storeArtifact(ctx context.Context, store content.Store, manifest ocispec.Manifest, config dockerspec.DockerOCIImage, layer ocispec.Descriptor) (*artifact.Artifact, error) {
	layers, err := json.Marshal([]ocispec.Descriptor{layer})
	if err != nil {
		return nil, err
	}
	config.Config.Labels = maps.Clone(config.Config.Labels)
	if config.Config.Labels == nil {
		config.Config.Labels = make(map[string]string)
	}
	config.Config.Labels[artifact.AnnotationLayers] = string(layers) // whatever the image says
	configDesc, err := daemon.WriteJSON(ctx, store, ocispec.MediaTypeImageConfig, config, nil)
	if err != nil {
		return nil, err
	}
	made := ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest,
		Config: configDesc, Layers: append([]ocispec.Descriptor{layer}, manifest.Layers...), Annotations: manifest.Annotations,
	}
	desc, err := writeManifest(ctx, store, made)
	if err != nil {
		return nil, err
	}
	return artifact.Read(ctx, unpack.FromStore(store), desc)
}
