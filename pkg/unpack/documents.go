package unpack

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"sync"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/errdefs"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/wasmfile/wasmfile/pkg/artifact"
)

// FromStore fetches from a content store.
func FromStore(provider content.Provider) artifact.Fetcher {
	return artifact.FetcherFunc(func(ctx context.Context, desc ocispec.Descriptor) (io.ReadCloser, error) {
		reader, err := provider.ReaderAt(ctx, desc)
		if err != nil {
			return nil, err
		}
		return struct {
			io.Reader
			io.Closer
		}{content.NewReader(reader), reader}, nil
	})
}

// maxDocuments is how many bytes of documents are kept of one source. An artifact has
// three, but an index may have thousands of manifests that do not say what they are,
// of which each has to be looked at.
const maxDocuments = 16 * artifact.MaxDocumentSize

// documents fetches manifests, indexes and configs at most once, from the
// store when they are there, and keeps what it fetched, so that they can be
// checked before anything is stored.
type documents struct {
	store  artifact.Fetcher
	source artifact.Fetcher

	mu   sync.Mutex
	kept map[digest.Digest][]byte
	size int // of what is kept, in bytes
}

func newDocuments(store content.Provider, source artifact.Fetcher) *documents {
	return &documents{store: FromStore(store), source: source, kept: make(map[digest.Digest][]byte)}
}

// Fetch returns a whole document, verified. It returns an error that matches
// artifact.ErrTooLarge when the source has given too many.
func (d *documents) Fetch(ctx context.Context, desc ocispec.Descriptor) (io.ReadCloser, error) {
	if encoded, ok := d.get(desc.Digest); ok {
		return io.NopCloser(bytes.NewReader(encoded)), nil
	}
	// It is read at once: garbage collection may be about to remove it, and then
	// it has to come from the source.
	stored, err := artifact.ReadDocument(ctx, d.store, desc)
	if err == nil {
		return io.NopCloser(bytes.NewReader(stored)), nil
	}
	if !errdefs.IsNotFound(err) {
		return nil, fmt.Errorf("read %s from the content store: %w", desc.Digest, err)
	}
	encoded, err := artifact.ReadDocument(ctx, artifact.FetcherFunc(d.open), desc)
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.size += len(encoded); d.size > maxDocuments {
		return nil, fmt.Errorf("%w: the manifests and configs that lead to it have over %d bytes", artifact.ErrTooLarge, maxDocuments)
	}
	d.kept[desc.Digest] = encoded
	return io.NopCloser(bytes.NewReader(encoded)), nil
}

// open opens a document of the source, which may be cut.
func (d *documents) open(ctx context.Context, desc ocispec.Descriptor) (io.ReadCloser, error) {
	if desc.Size <= 0 { // its end is where it ends
		return d.source.Fetch(ctx, desc)
	}
	return &resuming{ctx: ctx, source: d.source, desc: desc}, nil
}

// fetched reports whether a document came from the source.
func (d *documents) fetched(key digest.Digest) bool {
	_, ok := d.get(key)
	return ok
}

func (d *documents) get(key digest.Digest) ([]byte, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	encoded, ok := d.kept[key]
	return encoded, ok
}

// blobs fetches layers from the source and documents from what was checked.
type blobs struct{ *documents }

// Fetch opens a blob, whose bytes are not verified.
func (b blobs) Fetch(ctx context.Context, desc ocispec.Descriptor) (io.ReadCloser, error) {
	if encoded, ok := b.get(desc.Digest); ok {
		return io.NopCloser(bytes.NewReader(encoded)), nil
	}
	if desc.Size > 0 && int64(len(desc.Data)) == desc.Size {
		return io.NopCloser(bytes.NewReader(desc.Data)), nil
	}
	return b.source.Fetch(ctx, desc)
}
