package layoutwriter

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/wasmfile/wasmfile/pkg/artifact"
	"github.com/wasmfile/wasmfile/pkg/wasm"
)

const (
	// layoutTag is the reference name in the index of a layout without a name. Tools
	// that name an image inside of a layout (oras, imagetools) look for it.
	layoutTag = "latest"

	// annotationImageName is that of containerd for the whole name of an image in a
	// layout, which its importer, and so `docker load`, prefers to the reference name.
	annotationImageName = "io.containerd.image.name"
)

// Component is a Wasm file that becomes a layer.
type Component struct {
	// Name is the layer's title, unique in the artifact.
	Name string
	// Path is where the file is.
	Path string
	// Info is what wasm.Parse says about the file.
	Info *wasm.Info
	// MediaType is the layer's, one of artifact.WasmLayerTypes; empty for
	// artifact.MediaTypeComponentLayer.
	MediaType string
}

// File is a file that becomes a layer of its own, as it is, and is neither
// Wasm nor part of the filesystem.
type File struct {
	// Name is the layer's title, unique in the artifact.
	Name string
	// Path is where the file is.
	Path string
	// MediaType is the layer's, one that artifact.CheckMediaType accepts.
	MediaType string
}

// Source is what an artifact is made from.
type Source struct {
	// Form is artifact.FormOCI when empty. artifact.FormCNCF holds exactly one component, no
	// files, and nothing of Config but the author.
	Form artifact.Form
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
	// Name is what the layout's index calls the artifact, a normalized reference
	// with a tag: nothing of the artifact itself. Empty for none.
	Name string
	// IndexAnnotations returns, for the manifest's layers, the annotations of
	// the layout's index.json, which is not part of the artifact; nil for none.
	IndexAnnotations func(layers []ocispec.Descriptor) (map[string]string, error)
	// RootFS is the directory whose files become the filesystem layer; none
	// when empty, or when the directory is.
	RootFS string
	// Compression is the filesystem layer's.
	Compression Compression
	// Epoch is the SOURCE_DATE_EPOCH: the creation time, and the time of all
	// files in a layer. The zero time means that there is no creation time
	// and that files are from 1970.
	Epoch time.Time
}

// Write writes an artifact into the empty directory dir as an OCI image
// layout, and returns the descriptor of its manifest. The same source gives the
// same bytes and file times. It returns an error that matches artifact.ErrInvalid for a
// source that its form cannot hold, and artifact.ErrTooLarge when there is more to say
// of the components than a manifest, config or index can hold.
func Write(dir string, src Source) (ocispec.Descriptor, error) {
	if len(src.Components) == 0 {
		return ocispec.Descriptor{}, fmt.Errorf("%w: an artifact needs at least one component", artifact.ErrInvalid)
	}
	w := layoutWriter{dir: dir, epoch: src.Epoch}
	if w.epoch.IsZero() {
		w.epoch = time.Unix(0, 0)
	}
	if err := os.MkdirAll(w.blobDir(), 0o755); err != nil {
		return ocispec.Descriptor{}, fmt.Errorf("make layout: %w", err)
	}
	var parts manifestParts
	var err error
	switch src.Form {
	case artifact.FormOCI, "":
		parts, err = w.oci(src)
	case artifact.FormCNCF:
		parts, err = w.cncf(src)
	default:
		err = fmt.Errorf("%w: form %q cannot be written", artifact.ErrInvalid, src.Form)
	}
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	return w.finish(parts, src)
}

// manifestParts is what the forms differ in.
type manifestParts struct {
	configType string
	config     any
	platform   ocispec.Platform
	layers     []ocispec.Descriptor
}

// oci writes the layers of FormOCI: the components, the filesystem, other files.
func (w layoutWriter) oci(src Source) (manifestParts, error) {
	layers, err := w.components(src.Components)
	if err != nil {
		return manifestParts{}, err
	}
	files, err := w.files(src.Files)
	if err != nil {
		return manifestParts{}, err
	}
	config, err := imageConfig(src, slices.Concat(layers, files))
	if err != nil {
		return manifestParts{}, err
	}
	if src.RootFS != "" {
		layer, diffID, err := w.filesystem(src)
		if err != nil {
			return manifestParts{}, err
		}
		if diffID != "" {
			layers = append(layers, layer)
			config.RootFS.DiffIDs = append(config.RootFS.DiffIDs, diffID)
		}
	}
	return manifestParts{ocispec.MediaTypeImageConfig, config, config.Platform, append(layers, files...)}, nil
}

type layoutWriter struct {
	dir   string
	epoch time.Time
}

func (w layoutWriter) components(components []Component) ([]ocispec.Descriptor, error) {
	layers := make([]ocispec.Descriptor, 0, len(components))
	for _, c := range components {
		desc, err := w.copyBlob(cmp.Or(c.MediaType, artifact.MediaTypeComponentLayer), c.Path)
		if err != nil {
			return nil, fmt.Errorf("component %s: %w", c.Name, err)
		}
		desc.Annotations = map[string]string{
			ocispec.AnnotationTitle: c.Name,
			artifact.AnnotationKind: string(c.Info.Kind),
		}
		layers = append(layers, desc)
	}
	return layers, artifact.CheckLayers(layers)
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
	return layers, artifact.CheckLayers(layers)
}

// filesystem returns an empty diff ID when there are no files.
func (w layoutWriter) filesystem(src Source) (ocispec.Descriptor, digest.Digest, error) {
	var diffID digest.Digest
	desc, err := w.streamBlob(src.Compression.mediaType(), func(out io.Writer) error {
		compressed, err := src.Compression.writer(out)
		if err != nil {
			return err
		}
		diffID, err = writeFilesystem(compressed, src.RootFS, w.epoch)
		if err != nil {
			return err
		}
		return compressed.Close()
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
func (w layoutWriter) finish(parts manifestParts, src Source) (ocispec.Descriptor, error) {
	configDesc, err := w.jsonBlob(parts.configType, parts.config)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	manifest, err := w.jsonBlob(ocispec.MediaTypeImageManifest, ocispec.Manifest{
		Versioned:   specs.Versioned{SchemaVersion: 2},
		MediaType:   ocispec.MediaTypeImageManifest,
		Config:      configDesc,
		Layers:      parts.layers,
		Annotations: src.Annotations,
	})
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	var indexAnnotations map[string]string
	if src.IndexAnnotations != nil {
		if indexAnnotations, err = src.IndexAnnotations(parts.layers); err != nil {
			return ocispec.Descriptor{}, err
		}
	}
	entry := manifest
	entry.Platform = &parts.platform
	entry.Annotations = nameAnnotations(src.Name)
	for name, content := range map[string]any{
		ocispec.ImageLayoutFile: ocispec.ImageLayout{Version: ocispec.ImageLayoutVersion},
		ocispec.ImageIndexFile: ocispec.Index{
			Versioned:   specs.Versioned{SchemaVersion: 2},
			MediaType:   ocispec.MediaTypeImageIndex,
			Manifests:   []ocispec.Descriptor{entry},
			Annotations: indexAnnotations,
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

// nameAnnotations are those that BuildKit's exporter for layouts writes, too.
func nameAnnotations(name string) map[string]string {
	if name == "" {
		return map[string]string{ocispec.AnnotationRefName: layoutTag}
	}
	return map[string]string{annotationImageName: name, ocispec.AnnotationRefName: name[strings.LastIndexByte(name, ':')+1:]}
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
