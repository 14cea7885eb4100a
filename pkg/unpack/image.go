package unpack

import (
	"context"
	"errors"
	"fmt"
	"time"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/core/leases"
	"github.com/containerd/containerd/v2/core/remotes"
	"github.com/containerd/containerd/v2/core/remotes/docker"
	"github.com/containerd/errdefs"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/semaphore"

	"github.com/wasmfile/wasmfile/pkg/artifact"
	"github.com/wasmfile/wasmfile/pkg/wasm"
)

const (
	// leaseDuration is how long content of an interrupted client is kept.
	leaseDuration = 24 * time.Hour

	// defaultParallel is how many blobs are fetched at the same time.
	defaultParallel = 4
)

// ErrIncomplete is returned by Existing for an image whose content is not all
// there: another tool pulled a part of it.
var ErrIncomplete = errors.New("the content of the image is not complete")

// Options are those of Import. The zero value is usable.
type Options struct {
	// Snapshotter is the one to unpack with, empty for the namespace's
	// default.
	Snapshotter string
	// Platform is which manifest of an index to take, like "wasip2/wasm";
	// empty for the best one.
	Platform string
	// Source is the registry reference that the content comes from, so that
	// containerd can mount its blobs across repositories when they are pushed;
	// empty when it does not come from a registry.
	Source string
	// OnContent is called with every descriptor before it is fetched.
	OnContent func(ocispec.Descriptor)
	// Parallel is how many blobs are fetched at the same time, 0 for 4.
	Parallel int
}

// Image is an artifact in containerd.
type Image struct {
	// Record is containerd's image record.
	Record images.Image
	// Artifact is the verified manifest and config that the record leads to.
	Artifact *artifact.Artifact
}

// Import brings the artifact that root leads to into containerd as the image
// name: it checks manifest and config before it fetches layers, checks every
// Wasm layer, unpacks the filesystem layers, and then creates or replaces the
// image record. When it fails, what it stored is gone when it returns. Errors
// are those of Choose, those of the source, *wasm.FormatError for a layer that
// is not WebAssembly, and errors of containerd.
func Import(ctx context.Context, client *containerd.Client, name string, root ocispec.Descriptor, source artifact.Fetcher, opts Options) (_ *Image, err error) {
	ctx, release, err := lease(ctx, client)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, release(err != nil)) }()

	store := client.ContentStore()
	checked := newDocuments(store, source)
	a, err := Choose(ctx, checked, root, opts.Platform)
	if err != nil {
		return nil, err
	}
	if err := fetch(WithProgressKeys(ctx), store, root, a, blobs{checked}, opts); err != nil {
		return nil, err
	}
	if err := checkWasm(ctx, store, a); err != nil {
		return nil, err
	}
	if err := Snapshot(ctx, client, a, opts.Snapshotter); err != nil {
		return nil, err
	}
	record, err := saveRecord(ctx, client.ImageService(), images.Image{Name: name, Target: root})
	if err != nil {
		return nil, fmt.Errorf("save the image %s: %w", name, err)
	}
	return &Image{Record: record, Artifact: a}, nil
}

// Existing reads an image that is in containerd, whoever brought it there, and
// checks it and unpacks its filesystem layers when that was not done. It returns an error
// that matches ErrIncomplete when content is missing.
func Existing(ctx context.Context, client *containerd.Client, record images.Image, opts Options) (_ *Image, err error) {
	a, err := Read(ctx, client.ContentStore(), record, opts.Platform)
	if err != nil {
		return nil, err
	}
	for _, layer := range a.Manifest.Layers {
		if _, err := client.ContentStore().Info(ctx, layer.Digest); errdefs.IsNotFound(err) {
			return nil, fmt.Errorf("%s: %w: layer %s is missing", record.Name, ErrIncomplete, layer.Digest)
		} else if err != nil {
			return nil, fmt.Errorf("look for layer %s: %w", layer.Digest, err)
		}
	}
	if err := checkWasm(ctx, client.ContentStore(), a); err != nil {
		return nil, err
	}
	ctx, release, err := lease(ctx, client)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, release(err != nil)) }()
	if err := Snapshot(ctx, client, a, opts.Snapshotter); err != nil {
		return nil, err
	}
	return &Image{Record: record, Artifact: a}, nil
}

// Read reads the artifact of an image record from a content store. It returns
// an error that matches ErrIncomplete when a document is missing.
func Read(ctx context.Context, store content.Provider, record images.Image, platform string) (*artifact.Artifact, error) {
	a, err := Choose(ctx, FromStore(store), record.Target, platform)
	if errdefs.IsNotFound(err) {
		return nil, fmt.Errorf("%s: %w: %w", record.Name, ErrIncomplete, err)
	}
	return a, err
}

// WithProgressKeys makes containerd call Wasm layers "wasm-" in progress
// displays, and not "unknown-".
func WithProgressKeys(ctx context.Context) context.Context {
	for _, mediaType := range artifact.WasmLayerTypes() {
		ctx = remotes.WithMediaTypeKeyPrefix(ctx, mediaType, "wasm")
	}
	return remotes.WithMediaTypeKeyPrefix(ctx, artifact.MediaTypeWasmConfig, "config")
}

// lease keeps what is stored until it is referenced. After a failure, release
// waits until garbage collection has removed it again.
func lease(ctx context.Context, client *containerd.Client) (context.Context, func(failed bool) error, error) {
	service := client.LeasesService()
	l, err := service.Create(ctx, leases.WithRandomID(), leases.WithExpiration(leaseDuration))
	if err != nil {
		return ctx, nil, fmt.Errorf("create a lease: %w", err)
	}
	release := func(failed bool) error {
		var opts []leases.DeleteOpt
		if failed {
			opts = append(opts, leases.SynchronousDelete)
		}
		// What was stored has to go even when the user interrupted.
		if err := service.Delete(context.WithoutCancel(ctx), l, opts...); err != nil && !errdefs.IsNotFound(err) {
			return fmt.Errorf("delete the lease %s: %w", l.ID, err)
		}
		return nil
	}
	return leases.WithLease(ctx, l.ID), release, nil
}

// fetch stores everything that root leads to, of an index the one manifest
// only, with the labels that keep children as long as their parents.
func fetch(ctx context.Context, store content.Store, root ocispec.Descriptor, a *artifact.Artifact, source remotes.Fetcher, opts Options) error {
	children := images.HandlerFunc(func(ctx context.Context, desc ocispec.Descriptor) ([]ocispec.Descriptor, error) {
		if artifact.IsIndex(desc.MediaType) {
			return []ocispec.Descriptor{a.Descriptor}, nil
		}
		return images.Children(ctx, store, desc)
	})
	handlers := []images.Handler{
		images.HandlerFunc(func(_ context.Context, desc ocispec.Descriptor) ([]ocispec.Descriptor, error) {
			if opts.OnContent != nil {
				opts.OnContent(desc)
			}
			return nil, nil
		}),
		remotes.FetchHandler(store, source),
		images.SetChildrenMappedLabels(store, children, nil),
	}
	if opts.Source != "" {
		origin, err := docker.AppendDistributionSourceLabel(store, opts.Source)
		if err != nil {
			return fmt.Errorf("reference %s: %w", opts.Source, err)
		}
		handlers = append(handlers, origin)
	}
	parallel := opts.Parallel
	if parallel <= 0 {
		parallel = defaultParallel
	}
	return images.Dispatch(ctx, images.Handlers(handlers...), semaphore.NewWeighted(int64(parallel)), root)
}

// checkWasm parses the Wasm layers, because a digest says nothing about what
// was published under it.
func checkWasm(ctx context.Context, store content.Provider, a *artifact.Artifact) error {
	for _, layer := range a.WasmLayers() {
		if _, err := Parse(ctx, store, layer); err != nil {
			return err
		}
	}
	return nil
}

// Parse says what a stored Wasm layer is. It returns an error that wraps
// *wasm.FormatError and names the component when it is not WebAssembly.
func Parse(ctx context.Context, store content.Provider, layer ocispec.Descriptor) (*wasm.Info, error) {
	reader, err := store.ReaderAt(ctx, layer)
	if err != nil {
		return nil, fmt.Errorf("open component %s: %w", artifact.Name(layer), err)
	}
	defer reader.Close()
	info, err := wasm.Parse(reader, reader.Size())
	if err != nil {
		return nil, fmt.Errorf("component %s (%s): %w", artifact.Name(layer), layer.Digest, err)
	}
	return info, nil
}

func saveRecord(ctx context.Context, store images.Store, record images.Image) (images.Image, error) {
	for {
		saved, err := store.Create(ctx, record)
		if !errdefs.IsAlreadyExists(err) {
			return saved, err
		}
		saved, err = store.Update(ctx, record, "target")
		if !errdefs.IsNotFound(err) { // it was removed in between
			return saved, err
		}
	}
}
