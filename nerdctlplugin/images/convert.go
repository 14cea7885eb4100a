package images

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/core/leases"
	"github.com/containerd/errdefs"
	"github.com/containerd/nerdctl/v2/pkg/api/types"
	"github.com/moby/buildkit/util/system"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/wasmfile/wasmfile/nerdctlplugin/advice"
	"github.com/wasmfile/wasmfile/nerdctlplugin/daemon"
	"github.com/wasmfile/wasmfile/nerdctlplugin/layout"
	"github.com/wasmfile/wasmfile/nerdctlplugin/output"
	"github.com/wasmfile/wasmfile/nerdctlplugin/source"
	"github.com/wasmfile/wasmfile/pkg/artifact"
	"github.com/wasmfile/wasmfile/pkg/unpack"
)

// convertLife is how long what Convert stores is kept when it does not end.
const convertLife = time.Hour

// ConvertOptions are those of Convert.
type ConvertOptions struct {
	// Global are nerdctl's global options.
	Global types.GlobalCommandOptions
	// Form is artifact.FormOCI, artifact.FormCNCF or artifact.FormImage.
	Form string
	// Platform chooses a manifest of an index.
	Platform string
	// Stdout gets the name and the digest.
	Stdout io.Writer
}

// Convert makes an image in containerd of another form out of an artifact. The
// components stay the same bytes.
func Convert(ctx context.Context, from, to string, o ConvertOptions) error {
	form := artifact.Form(o.Form)
	if form != artifact.FormImage {
		if _, err := artifact.ParseForm(o.Form); err != nil {
			return fmt.Errorf("--form: %w, or %s for an image with the components as files", err, artifact.FormImage)
		}
	}
	ref, err := source.ParseReference(to)
	if err != nil {
		return err
	}
	client, ctx, done, err := daemon.Connect(ctx, o.Global)
	if err != nil {
		return err
	}
	defer done()
	ctx, release, err := client.WithLease(ctx, leases.WithRandomID(), leases.WithExpiration(convertLife))
	if err != nil {
		return fmt.Errorf("create a lease: %w", err)
	}
	defer func() { advice.Warn(ctx, release(context.WithoutCancel(ctx))) }()
	src, err := convertSource(ctx, from, o)
	if err != nil {
		return err
	}
	defer src.Close()
	var target ocispec.Descriptor
	switch {
	case form == src.Artifact.Form && form != artifact.FormCNCF:
		target, err = copyArtifact(ctx, client, src)
	case form == artifact.FormImage:
		target, err = toImage(ctx, client, src)
	default:
		target, err = toForm(ctx, client, src, form)
	}
	if err != nil {
		return fmt.Errorf("convert %s: %w", src.Name, err)
	}
	record, err := daemon.SaveImage(ctx, client, images.Image{Name: ref.String(), Target: target}, form, o.Global.Snapshotter)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(o.Stdout, "%s@%s\n", record.Name, record.Target.Digest)
	return err
}

// convertSource opens what is to be converted, where its components are layers
// unless files are what is wanted.
func convertSource(ctx context.Context, from string, o ConvertOptions) (*source.Source, error) {
	_, src, err := source.Open(ctx, from, o.Platform, o.Global)
	if err != nil || src.Artifact.Form != artifact.FormImage || o.Form == string(artifact.FormImage) {
		return src, err
	}
	a, err := withLayer(ctx, src, o.Global.Snapshotter)
	if err != nil {
		src.Close()
		return nil, err
	}
	src.Artifact, src.Root = a, a.Descriptor
	return src, nil
}

// copyArtifact stores an artifact as it is.
func copyArtifact(ctx context.Context, client *containerd.Client, src *source.Source) (ocispec.Descriptor, error) {
	store := client.ContentStore()
	for _, blob := range append([]ocispec.Descriptor{src.Artifact.Manifest.Config}, src.Artifact.Manifest.Layers...) {
		if err := copyBlob(ctx, store, src.Content, blob); err != nil {
			return ocispec.Descriptor{}, err
		}
	}
	encoded, err := artifact.ReadDocument(ctx, unpack.FromStore(src.Content), src.Artifact.Descriptor)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	desc := src.Artifact.Descriptor
	refs := manifestReferences(src.Artifact.Manifest)
	return desc, content.WriteBlob(ctx, store, "wasmfile-"+desc.Digest.String(), bytes.NewReader(encoded), desc, content.WithLabels(refs))
}

func copyBlob(ctx context.Context, store content.Store, from content.Provider, blob ocispec.Descriptor) error {
	if _, err := store.Info(ctx, blob.Digest); err == nil {
		return nil
	} else if !errdefs.IsNotFound(err) {
		return err
	}
	opened, err := unpack.FromStore(from).Fetch(ctx, blob)
	if err != nil {
		return err
	}
	defer opened.Close()
	return content.WriteBlob(ctx, store, "wasmfile-"+blob.Digest.String(), opened, blob)
}

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
	made := artifact.Source{Form: form, Components: components, Annotations: a.Manifest.Annotations, Config: a.Config}
	if a.Config.Created != nil {
		made.Epoch = *a.Config.Created
	}
	if form == artifact.FormCNCF {
		made.Config.Config = withoutOwnLabels(made.Config.Config)
		// What BuildKit gives every image without being told.
		made.Config.Config.Env = slices.DeleteFunc(slices.Clone(made.Config.Config.Env), func(env string) bool {
			return env == "PATH="+system.DefaultPathEnvUnix
		})
	} else if len(components) == 1 {
		made.Config.Config.Entrypoint = []string{components[0].Name}
	}
	out := filepath.Join(dir, "layout")
	if _, err := artifact.WriteLayout(out, made); err != nil {
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
func writeComponents(ctx context.Context, src *source.Source, dir string) ([]artifact.Component, error) {
	var components []artifact.Component
	for i, layer := range src.Artifact.WasmLayers() {
		info, err := unpack.Parse(ctx, src.Content, layer)
		if err != nil {
			return nil, err
		}
		file := filepath.Join(dir, fmt.Sprintf("%d.wasm", i))
		opened, err := unpack.FromStore(src.Content).Fetch(ctx, layer)
		if err != nil {
			return nil, err
		}
		err = output.ToFile(file, nil, func(out io.Writer) error {
			_, err := io.Copy(out, opened)
			return err
		})
		if err := errors.Join(err, opened.Close()); err != nil {
			return nil, err
		}
		components = append(components, artifact.Component{Name: fileName(layer), Path: file, Info: info})
	}
	return components, nil
}

// fileName is a component's name, which is a digest for one without a title.
func fileName(layer ocispec.Descriptor) string {
	if name := artifact.Name(layer); name != layer.Digest.String() {
		return name
	}
	return layer.Digest.Encoded()[:12] + ".wasm"
}

// withoutOwnLabels are those of a config that say what an artifact's layers
// are.
func withoutOwnLabels(config dockerspec.DockerOCIImageConfig) dockerspec.DockerOCIImageConfig {
	kept := make(map[string]string)
	for key, value := range config.Labels {
		if key != artifact.AnnotationLayers && !strings.HasPrefix(key, artifact.LabelComponentPrefix) {
			kept[key] = value
		}
	}
	config.Labels = kept
	return config
}

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
	config.Config = withoutOwnLabels(config.Config)
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
		opened, err := unpack.FromStore(src.Content).Fetch(ctx, layer)
		if err != nil {
			return ocispec.Descriptor{}, err
		}
		_, err = io.Copy(archive, opened)
		if err := errors.Join(err, opened.Close()); err != nil {
			return ocispec.Descriptor{}, fmt.Errorf("component %s: %w", artifact.Name(layer), err)
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
