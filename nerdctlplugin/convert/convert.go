package convert

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"time"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/core/leases"
	"github.com/containerd/errdefs"
	"github.com/containerd/nerdctl/v2/pkg/api/types"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/wasmfile/wasmfile/nerdctlplugin/advice"
	"github.com/wasmfile/wasmfile/nerdctlplugin/daemon"
	"github.com/wasmfile/wasmfile/nerdctlplugin/source"
	"github.com/wasmfile/wasmfile/pkg/artifact"
	"github.com/wasmfile/wasmfile/pkg/unpack"
)

// life is how long what Run stores is kept when it does not end.
const life = time.Hour

// Options are those of Run.
type Options struct {
	// Global are nerdctl's global options.
	Global types.GlobalCommandOptions
	// Form is artifact.FormOCI, artifact.FormCNCF or artifact.FormImage.
	Form string
	// Platform chooses a manifest of an index.
	Platform string
	// Stdout gets the name and the digest.
	Stdout io.Writer
}

// Run makes an image in containerd of another form out of an artifact. The
// components stay the same bytes.
func Run(ctx context.Context, from, to string, o Options) error {
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
	ctx, release, err := client.WithLease(ctx, leases.WithRandomID(), leases.WithExpiration(life))
	if err != nil {
		return fmt.Errorf("create a lease: %w", err)
	}
	defer func() { advice.Warn(ctx, release(context.WithoutCancel(ctx))) }()
	src, err := openSource(ctx, from, o)
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

// openSource opens what is to be converted, where its components are layers
// unless files are what is wanted.
func openSource(ctx context.Context, from string, o Options) (*source.Source, error) {
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

// copyBlob stores a blob. The context's lease keeps it also when it was there already:
// the image that had it may be removed meanwhile.
func copyBlob(ctx context.Context, store content.Ingester, from content.Provider, blob ocispec.Descriptor) (err error) {
	writer, err := content.OpenWriter(ctx, store, content.WithRef("wasmfile-"+blob.Digest.String()), content.WithDescriptor(blob))
	if errdefs.IsAlreadyExists(err) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, writer.Close()) }()
	opened, err := unpack.FromStore(from).Fetch(ctx, blob)
	if err != nil {
		return err
	}
	defer opened.Close()
	return content.Copy(ctx, writer, opened, blob.Size, blob.Digest)
}

// fileName is a component's name, which is a digest for one without a title.
func fileName(layer ocispec.Descriptor) string {
	if name := artifact.Name(layer); name != layer.Digest.String() {
		return name
	}
	return layer.Digest.Encoded()[:12] + ".wasm"
}

// withoutLayerLabels is a config for other layers.
func withoutLayerLabels(config dockerspec.DockerOCIImageConfig) dockerspec.DockerOCIImageConfig {
	config.Labels = maps.Clone(config.Labels)
	maps.DeleteFunc(config.Labels, func(key, _ string) bool { return artifact.IsLayerLabel(key) })
	return config
}

// writeManifest stores a manifest with the labels that keep what it refers to.
func writeManifest(ctx context.Context, store content.Ingester, manifest ocispec.Manifest) (ocispec.Descriptor, error) {
	return daemon.WriteJSON(ctx, store, ocispec.MediaTypeImageManifest, manifest, manifestReferences(manifest))
}

func manifestReferences(manifest ocispec.Manifest) map[string]string {
	refs := map[string]string{"containerd.io/gc.ref.content.config": manifest.Config.Digest.String()}
	for i, layer := range manifest.Layers {
		refs[fmt.Sprintf("containerd.io/gc.ref.content.l.%d", i)] = layer.Digest.String()
	}
	return refs
}
