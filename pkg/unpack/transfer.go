package unpack

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	contentapi "github.com/containerd/containerd/api/services/content/v1"
	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/errdefs"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"

	"github.com/wasmfile/wasmfile/pkg/artifact"
	"github.com/wasmfile/wasmfile/pkg/wasm"
)

// smallBlob is up to how many bytes a blob is held in memory: it is checked
// before anything of it is stored, and stored by one message.
const smallBlob = messageSize

// blob is one that an artifact needs.
type blob struct {
	ocispec.Descriptor
	// children are those of a document.
	children []ocispec.Descriptor
}

// blobsOf are what the artifact a needs, the layers first, then the documents
// that lead to them from root on. Of a root that is an index, manifests are all that it
// has: another platform's may be there, or come later.
func blobsOf(root ocispec.Descriptor, manifests []ocispec.Descriptor, a *artifact.Artifact, layers []ocispec.Descriptor) []blob {
	var list []blob
	seen := make(map[string]bool)
	add := func(desc ocispec.Descriptor, children ...ocispec.Descriptor) {
		if !seen[desc.Digest.String()] {
			seen[desc.Digest.String()] = true
			list = append(list, blob{desc, children})
		}
	}
	for _, layer := range layers {
		add(layer)
	}
	add(a.Manifest.Config)
	add(a.Descriptor, append([]ocispec.Descriptor{a.Manifest.Config}, a.Manifest.Layers...)...)
	if artifact.IsIndex(root.MediaType) {
		add(root, manifests...)
	}
	return list
}

// transfer moves blobs from a source into containerd's content store, with
// their labels, and checks those that are Wasm.
type transfer struct {
	api      contentapi.ContentClient
	store    content.Store
	source   artifact.Fetcher
	origin   origin
	parallel int
	mu       sync.Mutex
	progress func(Progress)
}

func newTransfer(client *containerd.Client, source artifact.Fetcher, opts Options) (*transfer, error) {
	conn, ok := client.Conn().(grpc.ClientConnInterface)
	if !ok {
		return nil, fmt.Errorf("containerd's client has a connection of type %T", client.Conn())
	}
	origin, err := newOrigin(opts.Source)
	if err != nil {
		return nil, err
	}
	t := &transfer{
		api: contentapi.NewContentClient(conn), store: client.ContentStore(), source: source,
		origin: origin, parallel: opts.Parallel,
	}
	if t.parallel <= 0 {
		t.parallel = defaultParallel
	}
	t.progress = func(p Progress) {
		if opts.OnProgress != nil {
			t.mu.Lock()
			defer t.mu.Unlock()
			opts.OnProgress(p)
		}
	}
	return t, nil
}

// run calls f for every blob, several at a time, with a context that ends when one fails.
func (t *transfer) run(ctx context.Context, blobs []blob, f func(context.Context, blob) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(t.parallel)
	for _, b := range blobs {
		group.Go(func() error { return f(ctx, b) })
	}
	return group.Wait()
}

// missing are the blobs that have to be fetched. The others are labelled and
// checked.
func (t *transfer) missing(ctx context.Context, blobs []blob) ([]blob, error) {
	absent := make([]bool, len(blobs))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(2 * t.parallel) // of short questions
	for i, b := range blobs {
		group.Go(func() error {
			err := t.keep(ctx, b)
			absent[i] = errdefs.IsNotFound(err)
			if absent[i] {
				return nil
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	var list []blob
	for i, b := range blobs {
		if absent[i] {
			list = append(list, b)
		}
	}
	return list, nil
}

// keep checks and labels a blob that is stored. The error matches
// errdefs.ErrNotFound when it is not.
func (t *transfer) keep(ctx context.Context, b blob) error {
	info, err := t.store.Info(ctx, b.Digest)
	if err != nil {
		return err
	}
	if b.Size > 0 && info.Size != b.Size {
		return fmt.Errorf("%s: %w: %d bytes are stored, not %d", b.Digest, artifact.ErrSizeMismatch, info.Size, b.Size)
	}
	wanted := childLabels(b.children)
	t.origin.add(wanted, info.Labels)
	if artifact.IsWasmLayer(b.MediaType) && info.Labels[checkedLabel] == "" {
		parsed, err := Parse(ctx, t.store, b.Descriptor)
		if err != nil {
			return err
		}
		wanted[checkedLabel] = string(parsed.Kind)
	}
	if err := relabel(ctx, t.store, info, wanted); err != nil {
		return err
	}
	t.progress(Progress{Descriptor: b.Descriptor, State: StateExists, Offset: b.Size})
	return nil
}

// fetch brings a blob into the store, unless somebody else just did.
func (t *transfer) fetch(ctx context.Context, b blob) error {
	for attempt := 0; ; attempt++ {
		i, err := openIngest(ctx, t.api, b.Descriptor)
		if err == nil {
			resumed := i.offset > 0
			err = t.fill(ctx, i, b)
			i.close()
			if resumed && attempt == 0 && errors.Is(err, artifact.ErrDigestMismatch) {
				continue // what an earlier pull had stored was wrong
			}
		}
		if errdefs.IsAlreadyExists(err) {
			return t.keep(ctx, b)
		}
		if err == nil {
			t.progress(Progress{Descriptor: b.Descriptor, State: StateDone, Offset: b.Size})
		}
		return err
	}
}

// fill writes and commits a blob.
func (t *transfer) fill(ctx context.Context, i *ingest, b blob) error {
	if b.Size <= 0 {
		return fmt.Errorf("%s: %w: its size is %d bytes", b.Digest, artifact.ErrSizeMismatch, b.Size)
	}
	t.progress(Progress{Descriptor: b.Descriptor, State: StateFetching, Offset: i.offset})
	labels := childLabels(b.children)
	t.origin.add(labels, nil)
	if b.Size <= smallBlob && i.offset < b.Size {
		data, err := t.whole(ctx, b.Descriptor)
		if err != nil {
			return err
		}
		if err := describe(b.Descriptor, bytes.NewReader(data), labels); err != nil {
			return err
		}
		return i.commit(ctx, data, labels)
	}
	if i.offset > b.Size {
		return errors.Join(fmt.Errorf("%s: %w: %d bytes are stored of %d", b.Digest, artifact.ErrDigestMismatch, i.offset, b.Size), i.abort(ctx))
	}
	body := &resuming{ctx: ctx, source: t.source, desc: b.Descriptor, offset: i.offset}
	defer body.Close()
	if i.offset < b.Size {
		if err := i.write(body, func(offset int64) {
			t.progress(Progress{Descriptor: b.Descriptor, State: StateFetching, Offset: offset})
		}); err != nil {
			return err
		}
	}
	if err := i.commit(ctx, nil, labels); err != nil {
		return err
	}
	if !artifact.IsWasmLayer(b.MediaType) {
		return nil
	}
	parsed, err := Parse(ctx, t.store, b.Descriptor)
	if err != nil {
		return err
	}
	return relabel(ctx, t.store, content.Info{Digest: b.Digest}, map[string]string{checkedLabel: string(parsed.Kind)})
}

// whole reads a small blob and verifies it.
func (t *transfer) whole(ctx context.Context, desc ocispec.Descriptor) ([]byte, error) {
	body := &resuming{ctx: ctx, source: t.source, desc: desc}
	defer body.Close()
	data := make([]byte, desc.Size)
	if _, err := io.ReadFull(body, data); err != nil {
		return nil, err
	}
	if err := atEnd(body, desc); err != nil {
		return nil, err
	}
	if actual := desc.Digest.Algorithm().FromBytes(data); actual != desc.Digest {
		return nil, fmt.Errorf("%s: %w: the content is %s", desc.Digest, artifact.ErrDigestMismatch, actual)
	}
	return data, nil
}

// describe checks a blob that is Wasm, and says in labels what it is.
func describe(desc ocispec.Descriptor, data *bytes.Reader, labels map[string]string) error {
	if !artifact.IsWasmLayer(desc.MediaType) {
		return nil
	}
	parsed, err := parse(desc, data, data.Size())
	if err != nil {
		return err
	}
	labels[checkedLabel] = string(parsed.Kind)
	return nil
}

func parse(layer ocispec.Descriptor, r io.ReaderAt, size int64) (*wasm.Info, error) {
	info, err := wasm.Parse(r, size)
	if err != nil {
		return nil, fmt.Errorf("component %s (%s): %w", artifact.Name(layer), layer.Digest, err)
	}
	return info, nil
}
