// Package layout reads OCI image layouts: directories, and tar files of such
// directories. Nothing in a layout is trusted: documents are bounded, names
// never lead outside, and what is read is verified by its digest.
package layout

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/errdefs"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/wasmfile/wasmfile/pkg/artifact"
	"github.com/wasmfile/wasmfile/pkg/unpack"
)

var (
	// ErrNotLayout is returned by Open for something that is there and is no
	// OCI image layout.
	ErrNotLayout = errors.New("not an OCI image layout")

	// ErrAmbiguous is returned by Open for a layout with several images.
	ErrAmbiguous = errors.New("the layout holds several images")
)

// files are the regular files of a layout. Names are slash-separated.
type files interface {
	// open returns a file and its size in bytes, or fs.ErrNotExist.
	open(name string) (io.ReaderAt, int64, io.Closer, error)
	// top are the names without a slash, sorted.
	top() ([]string, error)
	io.Closer
}

// Layout is an open layout with one image. It is a content.Provider and an
// artifact.Fetcher.
type Layout struct {
	path  string
	files files
	root  ocispec.Descriptor
}

// Open opens the layout in a directory or tar file. It returns errors that
// match fs.ErrNotExist, ErrNotLayout or ErrAmbiguous.
func Open(name string) (*Layout, error) {
	l, err := open(name)
	if err != nil {
		return nil, err
	}
	if l.root, err = l.findRoot(); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", name, err), l.files.Close())
	}
	return l, nil
}

// OpenAll opens the layout in a directory or tar file, however many images it
// has, and returns their descriptors with the annotations of the index. The
// layout has no Root. Errors are those of Open.
func OpenAll(name string) (*Layout, []ocispec.Descriptor, error) {
	l, err := open(name)
	if err != nil {
		return nil, nil, err
	}
	images, err := l.images()
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("%s: %w", name, err), l.files.Close())
	}
	return l, images, nil
}

func open(name string) (*Layout, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	var contents files
	if info.IsDir() {
		contents, err = openDirectory(name)
	} else {
		contents, err = openTar(name)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return &Layout{path: name, files: contents}, nil
}

// Close closes the layout; what was opened through it no longer works.
func (l *Layout) Close() error { return l.files.Close() }

// Root is the descriptor of the image: a manifest, or an index.
func (l *Layout) Root() ocispec.Descriptor { return l.root }

func (l *Layout) findRoot() (ocispec.Descriptor, error) {
	images, err := l.images()
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	if len(images) == 1 {
		root := images[0]
		return ocispec.Descriptor{MediaType: root.MediaType, Digest: root.Digest, Size: root.Size}, nil
	}
	var digests []string
	for _, m := range images[:min(len(images), 8)] {
		digests = append(digests, fmt.Sprintf("%.80q", m.Digest))
	}
	return ocispec.Descriptor{}, fmt.Errorf("%w: %d, the first are %v", ErrAmbiguous, len(images), digests)
}

// images are what the index lists, at least one.
func (l *Layout) images() ([]ocispec.Descriptor, error) {
	var version ocispec.ImageLayout
	if err := l.document(ocispec.ImageLayoutFile, &version); err != nil {
		return nil, err
	}
	if version.Version != ocispec.ImageLayoutVersion {
		return nil, fmt.Errorf("%w: version %q, not %s", ErrNotLayout, version.Version, ocispec.ImageLayoutVersion)
	}
	var index ocispec.Index
	if err := l.document(ocispec.ImageIndexFile, &index); err != nil {
		return nil, err
	}
	if len(index.Manifests) == 0 {
		return nil, fmt.Errorf("%w: its index is empty", ErrNotLayout)
	}
	for _, m := range index.Manifests {
		if err := m.Digest.Validate(); err != nil {
			return nil, fmt.Errorf("%w: its index has the digest %.80q: %w", ErrNotLayout, m.Digest, err)
		}
	}
	return index.Manifests, nil
}

// document reads one of the layout's own JSON files.
func (l *Layout) document(name string, into any) error {
	reader, size, closer, err := l.files.open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: it has no %s", ErrNotLayout, name)
	}
	if err != nil {
		return fmt.Errorf("open %s: %w", name, err)
	}
	defer closer.Close()
	if size > artifact.MaxDocumentSize {
		return fmt.Errorf("%s: %w: %d bytes, the limit is %d", name, artifact.ErrTooLarge, size, artifact.MaxDocumentSize)
	}
	if err := json.NewDecoder(io.NewSectionReader(reader, 0, size)).Decode(into); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrNotLayout, name, err)
	}
	return nil
}

// blob is an open blob.
type blob struct {
	io.ReaderAt
	io.Closer
	size int64
}

// Size is the number of bytes.
func (b blob) Size() int64 { return b.size }

// ReaderAt opens a blob. It returns an error that matches
// errdefs.ErrNotFound, or artifact.ErrSizeMismatch.
func (l *Layout) ReaderAt(_ context.Context, desc ocispec.Descriptor) (content.ReaderAt, error) {
	// The digest becomes a file name.
	if err := desc.Digest.Validate(); err != nil {
		return nil, fmt.Errorf("%w: digest %.80q: %w", artifact.ErrInvalid, desc.Digest, err)
	}
	name := path.Join(ocispec.ImageBlobsDir, desc.Digest.Algorithm().String(), desc.Digest.Encoded())
	reader, size, closer, err := l.files.open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s has no blob %s: %w", l.path, desc.Digest, errdefs.ErrNotFound)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: open blob %s: %w", l.path, desc.Digest, err)
	}
	if desc.Size > 0 && desc.Size != size {
		return nil, errors.Join(fmt.Errorf("%s: blob %s: %w: %d bytes instead of %d", l.path, desc.Digest, artifact.ErrSizeMismatch, size, desc.Size), closer.Close())
	}
	return blob{ReaderAt: reader, Closer: closer, size: size}, nil
}

// Fetch opens a blob as a stream. Errors are those of ReaderAt.
func (l *Layout) Fetch(ctx context.Context, desc ocispec.Descriptor) (io.ReadCloser, error) {
	return unpack.FromStore(l).Fetch(ctx, desc)
}

// Verify reads a blob whole and compares it with its digest. Errors are those
// of ReaderAt, or match artifact.ErrDigestMismatch.
func (l *Layout) Verify(ctx context.Context, desc ocispec.Descriptor) error {
	opened, err := l.Fetch(ctx, desc)
	if err != nil {
		return err
	}
	defer opened.Close()
	actual, err := desc.Digest.Algorithm().FromReader(opened)
	if err != nil {
		return fmt.Errorf("%s: read blob %s: %w", l.path, desc.Digest, err)
	}
	if actual != desc.Digest {
		return fmt.Errorf("%s: blob %s: %w: the content is %s", l.path, desc.Digest, artifact.ErrDigestMismatch, actual)
	}
	return nil
}

// Attestations are the in-toto statements that BuildKit wrote beside the image
// when it was asked for attestations, by file name. Those about something else
// are left out and named in strangers: they are of an earlier build.
func (l *Layout) Attestations() (statements map[string]artifact.Statement, strangers []string, err error) {
	names, err := l.files.top()
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", l.path, err)
	}
	statements = make(map[string]artifact.Statement)
	for _, name := range names {
		if !artifact.IsAttestationFile(name) {
			continue
		}
		reader, size, closer, err := l.files.open(name)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: open %s: %w", l.path, name, err)
		}
		statement, err := artifact.ReadStatement(io.NewSectionReader(reader, 0, size))
		if err := errors.Join(err, closer.Close()); err != nil {
			return nil, nil, fmt.Errorf("%s: %s: %w", l.path, name, err)
		}
		if statement.IsAbout(l.root.Digest) {
			statements[name] = statement
		} else {
			strangers = append(strangers, name)
		}
	}
	return statements, strangers, nil
}
