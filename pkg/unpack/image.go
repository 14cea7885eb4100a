package unpack

import (
	"context"
	"errors"
	"fmt"
	"maps"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/core/remotes"
	"github.com/containerd/errdefs"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/wasmfile/wasmfile/pkg/artifact"
	"github.com/wasmfile/wasmfile/pkg/wasm"
)

// defaultParallel is how many blobs are fetched at the same time.
const defaultParallel = 8

// PartialLabel is on the record of an image of which only some components were
// asked for, with the value "true".
const PartialLabel = "io.github.wasmfile.partial"

// Options are those of Import and Existing. The zero value is usable.
type Options struct {
	// Snapshotter is the one to unpack with, empty for the namespace's
	// default.
	Snapshotter string
	// NoUnpack leaves filesystem layers packed.
	NoUnpack bool
	// Platform is which manifest of an index to take, like "wasip2/wasm";
	// empty for the best one.
	Platform string
	// Components are the names of the only Wasm layers to fetch, as an
	// ENTRYPOINT calls them; none for all.
	Components []string
	// Source is the registry reference that the content comes from, so that
	// containerd can mount its blobs across repositories when they are pushed, and
	// that what came before an interruption is kept for the next Import; empty when
	// it does not come from a registry.
	Source string
	// Labels are those of the image's record, when there is none of its name yet.
	Labels map[string]string
	// OnProgress is called, by one goroutine at a time, when the state of a
	// blob changes.
	OnProgress func(Progress)
	// Parallel is how many blobs are fetched at the same time, 0 for 8.
	Parallel int
}

// Image is an artifact in containerd.
type Image struct {
	// Record is containerd's image record.
	Record images.Image
	// Artifact is the verified manifest and config that the record leads to.
	Artifact *artifact.Artifact
	// Missing are the Wasm layers that were not asked for and are not there.
	Missing []ocispec.Descriptor
}

// Import brings the artifact that root leads to into containerd as the image
// name: it checks manifest and config before it fetches layers, checks every
// Wasm layer, unpacks the filesystem layers, and then creates or replaces the
// image record. What is there already is not fetched again, and when all of it
// is, nothing is written.
//
// When it fails, what it stored is gone when it returns; only when it was
// interrupted or cut off, that stays for a day, for the next Import of that
// name to go on. Errors are those of Choose, those of the source, *CutError,
// *wasm.FormatError for a layer that is not WebAssembly, *artifact.NoMatchError
// for a component that the artifact does not have, errors that match
// errdefs.ErrNotImplemented for a snapshotter that cannot be used, and errors of
// containerd.
func Import(ctx context.Context, client *containerd.Client, name string, root ocispec.Descriptor, source artifact.Fetcher, opts Options) (*Image, error) {
	if err := checkSnapshotter(opts.Snapshotter); err != nil {
		return nil, err
	}
	checked := newDocuments(client.ContentStore(), source)
	manifests, err := manifestsOf(ctx, checked, root)
	if err != nil {
		return nil, err
	}
	a, err := chooseAmong(ctx, checked, root, manifests, opts.Platform, anyOf)
	if err != nil {
		return nil, err
	}
	layers, omitted, err := wantedLayers(a, opts.Components)
	if err != nil {
		return nil, err
	}
	t, err := newTransfer(client, blobs{checked}, opts)
	if err != nil {
		return nil, err
	}
	i := importing{client: client, transfer: t, opts: opts, blobs: blobsOf(root, manifests, a, layers), omitted: omitted}
	i.image = &Image{Record: images.Image{Name: name, Target: root}, Artifact: a}
	ctx = WithProgressKeys(ctx)
	if !checked.fetched(root.Digest) {
		if done, err := i.isThere(ctx); done || err != nil {
			return i.image, err
		}
	}
	if err := i.run(ctx, !checked.fetched(root.Digest)); err != nil {
		return nil, err
	}
	return i.image, nil
}

// importing is one Import.
type importing struct {
	client   *containerd.Client
	transfer *transfer
	opts     Options
	blobs    []blob
	omitted  []ocispec.Descriptor
	image    *Image
}

// isThere reports whether the image has its name already and lacks nothing. The
// name keeps the content, so that no lease is needed.
func (i *importing) isThere(ctx context.Context) (bool, error) {
	record, err := i.client.ImageService().Get(ctx, i.image.Record.Name)
	if err != nil || record.Target.Digest != i.image.Record.Target.Digest {
		return false, ignoreNotFound(err)
	}
	missing, err := i.transfer.missing(ctx, i.blobs)
	if err != nil || len(missing) > 0 {
		return false, err
	}
	if i.image.Missing, err = absent(ctx, i.client.ContentStore(), i.omitted); err != nil {
		return false, err
	}
	unpacked := i.opts.NoUnpack
	if !unpacked {
		unpacked, err = hasSnapshot(ctx, i.client, i.image.Artifact, i.opts.Snapshotter)
	}
	if err != nil || !unpacked || isPartial(record) != (len(i.image.Missing) > 0) {
		return false, err
	}
	i.image.Record = record
	return true, sweep(ctx, i.client.LeasesService(), record.Name)
}

// run imports what is missing.
func (i *importing) run(ctx context.Context, rootIsThere bool) (err error) {
	name := i.image.Record.Name
	leased, hold, err := newHold(ctx, i.client)
	if err != nil {
		return err
	}
	defer func() {
		if i.opts.Source != "" && canContinue(leased, err) {
			err = errors.Join(err, hold.leave(ctx, name))
			return
		}
		err = errors.Join(err, hold.release(ctx, err != nil))
		if err == nil {
			err = sweep(ctx, i.client.LeasesService(), name)
		}
	}()
	missing := i.blobs
	if rootIsThere {
		if err := hold.add(leased, i.image.Record.Target.Digest); err != nil {
			return err
		}
		if missing, err = i.transfer.missing(leased, i.blobs); err != nil {
			return err
		}
	}
	for _, b := range missing {
		i.transfer.progress(Progress{Descriptor: b.Descriptor, State: StateWaiting})
	}
	if err := i.transfer.run(leased, missing, i.transfer.fetch); err != nil {
		return err
	}
	if !i.opts.NoUnpack {
		if err := Snapshot(leased, i.client, i.image.Artifact, i.opts.Snapshotter); err != nil {
			return err
		}
	}
	if i.image.Missing, err = absent(leased, i.client.ContentStore(), i.omitted); err != nil {
		return err
	}
	i.image.Record.Labels = make(map[string]string)
	maps.Copy(i.image.Record.Labels, i.opts.Labels)
	if len(i.image.Missing) > 0 {
		i.image.Record.Labels[PartialLabel] = "true"
	}
	if i.image.Record, err = SaveRecord(leased, i.client.ImageService(), i.image.Record); err != nil {
		return fmt.Errorf("save the image %s: %w", name, err)
	}
	return nil
}

// canContinue reports whether an Import that failed may succeed later with what
// it stored.
func canContinue(ctx context.Context, err error) bool {
	var cut *CutError
	return err != nil && (ctx.Err() != nil || errors.As(err, &cut))
}

// wantedLayers are the layers to fetch, and the Wasm layers to leave out.
func wantedLayers(a *artifact.Artifact, components []string) (wanted, omitted []ocispec.Descriptor, err error) {
	if len(components) == 0 {
		return a.Manifest.Layers, nil, nil
	}
	if a.Form == artifact.FormImage {
		return nil, nil, fmt.Errorf("component %s: the components of this image are files in its layers, which hold files together: pull all of it, without --component", components[0])
	}
	chosen := make(map[string]bool)
	for _, component := range components {
		entry, err := artifact.Named(a.WasmLayers(), component)
		if err != nil {
			return nil, nil, err
		}
		chosen[entry.Layer.Digest.String()] = true
	}
	for _, layer := range a.Manifest.Layers {
		if artifact.IsWasmLayer(layer.MediaType) && !chosen[layer.Digest.String()] {
			omitted = append(omitted, layer)
		} else {
			wanted = append(wanted, layer)
		}
	}
	return wanted, omitted, nil
}

// absent are those of the layers that are not stored.
func absent(ctx context.Context, store content.InfoProvider, layers []ocispec.Descriptor) ([]ocispec.Descriptor, error) {
	var list []ocispec.Descriptor
	for _, layer := range layers {
		switch _, err := store.Info(ctx, layer.Digest); {
		case errdefs.IsNotFound(err):
			list = append(list, layer)
		case err != nil:
			return nil, fmt.Errorf("look for layer %s: %w", layer.Digest, err)
		}
	}
	return list, nil
}

func isPartial(record images.Image) bool { return record.Labels[PartialLabel] != "" }

// Existing reads an image that is in containerd, whoever brought it there, and
// checks it and unpacks its filesystem layers when that was not done. It
// returns an error that matches ErrIncomplete when content is missing that was
// not left out on purpose.
func Existing(ctx context.Context, client *containerd.Client, record images.Image, opts Options) (*Image, error) {
	a, err := Read(ctx, client.ContentStore(), record, opts.Platform)
	if err != nil {
		return nil, err
	}
	t, err := newTransfer(client, nil, opts)
	if err != nil {
		return nil, err
	}
	var layers []blob
	for _, layer := range a.Manifest.Layers {
		layers = append(layers, blob{Descriptor: layer})
	}
	missing, err := t.missing(ctx, layers)
	if err != nil {
		return nil, err
	}
	image := &Image{Record: record, Artifact: a}
	for _, layer := range missing {
		if !isPartial(record) || !artifact.IsWasmLayer(layer.MediaType) {
			return nil, fmt.Errorf("%s: %w: layer %s is missing", record.Name, ErrIncomplete, layer.Digest)
		}
		image.Missing = append(image.Missing, layer.Descriptor)
	}
	unpacked, err := hasSnapshot(ctx, client, a, opts.Snapshotter)
	if err != nil || unpacked {
		return image, err
	}
	ctx, hold, err := newHold(ctx, client)
	if err != nil {
		return nil, err
	}
	err = Snapshot(ctx, client, a, opts.Snapshotter)
	if err = errors.Join(err, hold.release(ctx, err != nil)); err != nil {
		return nil, err
	}
	return image, nil
}

// Read reads the artifact of an image record from a content store: of an index,
// the best one that is there. It returns an error that matches ErrIncomplete when
// a document is missing.
func Read(ctx context.Context, store content.Provider, record images.Image, platform string) (*artifact.Artifact, error) {
	stored := FromStore(store)
	a, err := choose(ctx, stored, record.Target, platform, func(m ocispec.Descriptor) bool {
		r, err := stored.Fetch(ctx, m)
		return err == nil && r.Close() == nil
	})
	if errors.Is(err, artifact.ErrNoWasm) && artifact.IsIndex(record.Target.MediaType) {
		// The one for Wasm may be missing, which reading all of them tells.
		a, err = Choose(ctx, stored, record.Target, platform)
	}
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

// Parse says what a stored Wasm layer is. It returns an error that wraps
// *wasm.FormatError and names the component when it is not WebAssembly.
func Parse(ctx context.Context, store content.Provider, layer ocispec.Descriptor) (*wasm.Info, error) {
	reader, err := store.ReaderAt(ctx, layer)
	if err != nil {
		return nil, fmt.Errorf("open component %s: %w", artifact.Name(layer), err)
	}
	defer reader.Close()
	return parse(layer, reader, reader.Size())
}

// SaveRecord records what was stored as an image of a name, in the place of another one
// of that name, which others may remove meanwhile.
func SaveRecord(ctx context.Context, store images.Store, record images.Image) (images.Image, error) {
	for {
		saved, err := store.Create(ctx, record)
		if !errdefs.IsAlreadyExists(err) {
			return saved, err
		}
		saved, err = store.Update(ctx, record, "target", "labels."+PartialLabel)
		if !errdefs.IsNotFound(err) { // it was removed in between
			return saved, err
		}
	}
}

func ignoreNotFound(err error) error {
	if errdefs.IsNotFound(err) {
		return nil
	}
	return err
}
