package artifact

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/wasmfile/wasmfile/pkg/wasm"
)

// layoutTag is the reference name in a layout's index. Tools that name an
// image inside of a layout (oras, imagetools) look for it.
const layoutTag = "latest"

// Component is a Wasm file that becomes a layer.
type Component struct {
	// Name is the layer's title, unique in the artifact.
	Name string
	// Path is where the file is.
	Path string
	// Info is what wasm.Parse says about the file.
	Info *wasm.Info
	// MediaType is the layer's, one of WasmLayerTypes; empty for
	// MediaTypeComponentLayer.
	MediaType string
}

// File is a file that becomes a layer of its own, as it is, and is neither
// Wasm nor part of the filesystem.
type File struct {
	// Name is the layer's title, unique in the artifact.
	Name string
	// Path is where the file is.
	Path string
	// MediaType is the layer's, one that CheckMediaType accepts.
	MediaType string
}

// Source is what an artifact is made from.
type Source struct {
	// Components become the Wasm layers, in this order. There is at least
	// one.
	Components []Component
	// Files become the last layers, in this order.
	Files []File
	// Config is the image config with entrypoint, environment and so on.
	// Its platform, creation time, history and rootfs are not used.
	Config dockerspec.DockerOCIImage
	// Annotations are the manifest's.
	Annotations map[string]string
	// IndexAnnotations are those of the layout's index.json, which is not part
	// of the artifact.
	IndexAnnotations map[string]string
	// RootFS is the directory whose files become the filesystem layer; none
	// when empty, or when the directory is.
	RootFS string
	// RootFSExclude is an entry at the top of RootFS that is left out.
	RootFSExclude string
	// Epoch is the SOURCE_DATE_EPOCH: the creation time, and the time of all
	// files in a layer. The zero time means that there is no creation time
	// and that files are from 1970.
	Epoch time.Time
}

// WriteLayout writes an artifact of FormOCI into the empty directory dir as
// an OCI image layout, and returns the descriptor of its manifest. The same
// source gives the same bytes and file times. It returns an error that matches
// ErrTooLarge when there is more to say of the components than a manifest,
// config or index can hold.
func WriteLayout(dir string, src Source) (ocispec.Descriptor, error) {
	if len(src.Components) == 0 {
		return ocispec.Descriptor{}, fmt.Errorf("%w: an artifact needs at least one component", ErrInvalid)
	}
	w := layoutWriter{dir: dir, epoch: src.Epoch}
	if w.epoch.IsZero() {
		w.epoch = time.Unix(0, 0)
	}
	if err := os.MkdirAll(w.blobDir(), 0o755); err != nil {
		return ocispec.Descriptor{}, fmt.Errorf("make layout: %w", err)
	}
	layers, err := w.components(src.Components)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	files, err := w.files(src.Files)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	config, err := imageConfig(src, slices.Concat(layers, files))
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	if src.RootFS != "" {
		layer, diffID, err := w.filesystem(src.RootFS, src.RootFSExclude)
		if err != nil {
			return ocispec.Descriptor{}, err
		}
		if diffID != "" {
			layers = append(layers, layer)
			config.RootFS.DiffIDs = append(config.RootFS.DiffIDs, diffID)
		}
	}
	return w.finish(config, append(layers, files...), src)
}

type layoutWriter struct {
	dir   string
	epoch time.Time
}

func (w layoutWriter) components(components []Component) ([]ocispec.Descriptor, error) {
	layers := make([]ocispec.Descriptor, 0, len(components))
	for _, c := range components {
		desc, err := w.copyBlob(cmp.Or(c.MediaType, MediaTypeComponentLayer), c.Path)
		if err != nil {
			return nil, fmt.Errorf("component %s: %w", c.Name, err)
		}
		desc.Annotations = map[string]string{
			ocispec.AnnotationTitle: c.Name,
			AnnotationKind:          string(c.Info.Kind),
		}
		layers = append(layers, desc)
	}
	return layers, checkLayers(layers)
}

func (w layoutWriter) files(files []File) ([]ocispec.Descriptor, error) {
	layers := make([]ocispec.Descriptor, 0, len(files))
	for _, f := range files {
		desc, err := w.copyBlob(f.MediaType, f.Path)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.Name, err)
		}
		desc.Annotations = map[string]string{ocispec.AnnotationTitle: f.Name}
		layers = append(layers, desc)
	}
	return layers, checkLayers(layers)
}

// filesystem returns an empty diff ID when there are no files.
func (w layoutWriter) filesystem(root, exclude string) (ocispec.Descriptor, digest.Digest, error) {
	var diffID digest.Digest
	desc, err := w.streamBlob(ocispec.MediaTypeImageLayerGzip, func(out io.Writer) (err error) {
		diffID, err = writeFilesystemLayer(out, root, exclude, w.epoch)
		return err
	})
	if errors.Is(err, errNoFiles) {
		return ocispec.Descriptor{}, "", nil
	}
	if err != nil {
		return ocispec.Descriptor{}, "", fmt.Errorf("filesystem layer: %w", err)
	}
	return desc, diffID, nil
}

// finish writes config, manifest and index, and sets every file's time.
func (w layoutWriter) finish(config dockerspec.DockerOCIImage, layers []ocispec.Descriptor, src Source) (ocispec.Descriptor, error) {
	configDesc, err := w.jsonBlob(ocispec.MediaTypeImageConfig, config)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	manifest, err := w.jsonBlob(ocispec.MediaTypeImageManifest, ocispec.Manifest{
		Versioned:   specs.Versioned{SchemaVersion: 2},
		MediaType:   ocispec.MediaTypeImageManifest,
		Config:      configDesc,
		Layers:      layers,
		Annotations: src.Annotations,
	})
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	platform := config.Platform
	entry := manifest
	entry.Platform = &platform
	entry.Annotations = map[string]string{ocispec.AnnotationRefName: layoutTag}
	for name, content := range map[string]any{
		ocispec.ImageLayoutFile: ocispec.ImageLayout{Version: ocispec.ImageLayoutVersion},
		ocispec.ImageIndexFile: ocispec.Index{
			Versioned:   specs.Versioned{SchemaVersion: 2},
			MediaType:   ocispec.MediaTypeImageIndex,
			Manifests:   []ocispec.Descriptor{entry},
			Annotations: src.IndexAnnotations,
		},
	} {
		encoded, err := encodeDocument(name, content)
		if err != nil {
			return ocispec.Descriptor{}, err
		}
		if err := os.WriteFile(filepath.Join(w.dir, name), encoded, 0o644); err != nil {
			return ocispec.Descriptor{}, err
		}
	}
	return manifest, w.setTimes()
}

// setTimes gives every file and directory the epoch, because BuildKit's tar
// exporter writes them.
func (w layoutWriter) setTimes() error {
	var paths []string
	err := filepath.WalkDir(w.dir, func(path string, _ fs.DirEntry, err error) error {
		paths = append(paths, path)
		return err
	})
	for i := len(paths) - 1; i >= 0 && err == nil; i-- {
		err = os.Chtimes(paths[i], w.epoch, w.epoch)
	}
	if err != nil {
		return fmt.Errorf("set times of layout: %w", err)
	}
	return nil
}

// imageConfig completes the config: what depends on the components and files,
// whose layers these are.
func imageConfig(src Source, layers []ocispec.Descriptor) (dockerspec.DockerOCIImage, error) {
	config := src.Config
	config.Platform = ocispec.Platform{Architecture: "wasm", OS: operatingSystem(src.Components)}
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
	maps.DeleteFunc(config.Config.Labels, func(key, _ string) bool { return strings.HasPrefix(key, LabelComponentPrefix) })
	setLabel := func(key string, value any) error {
		encoded, err := json.Marshal(value)
		config.Config.Labels[key] = string(encoded)
		return err
	}
	err := setLabel(AnnotationLayers, layers)
	for _, c := range src.Components {
		err = errors.Join(err, setLabel(LabelComponentPrefix+c.Name, ComponentInterface{
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
