package image

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	containersapi "github.com/containerd/containerd/api/services/containers/v1"
	contentapi "github.com/containerd/containerd/api/services/content/v1"
	imagesapi "github.com/containerd/containerd/api/services/images/v1"
	introspectionapi "github.com/containerd/containerd/api/services/introspection/v1"
	leasesapi "github.com/containerd/containerd/api/services/leases/v1"
	"github.com/containerd/containerd/v2/core/content"
	contentproxy "github.com/containerd/containerd/v2/core/content/proxy"
	"github.com/containerd/containerd/v2/core/leases"
	leasesproxy "github.com/containerd/containerd/v2/core/leases/proxy"
	"github.com/containerd/errdefs"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sys/unix"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/wasmfile/wasmfile/pkg/artifact"
)

// contentPlugin is containerd's content store on a local disk: the name of
// its directory below containerd's root, and of its plugin.
const contentPlugin = "io.containerd.content.v1.content"

// Store is containerd: its records and its content. Its methods use the
// namespace of their context.
type Store struct {
	// Content reads and writes blobs.
	Content content.Store
	// Leases keep new blobs until something refers to them.
	Leases leases.Manager

	conn          *grpc.ClientConn
	containers    containersapi.ContainersClient
	images        imagesapi.ImagesClient
	introspection introspectionapi.IntrospectionClient
}

// Connect returns a Store on containerd's GRPC socket. The connection is made
// when it is first used, and again after containerd was restarted.
func Connect(address string) (*Store, error) {
	conn, err := grpc.NewClient("unix:"+address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return nil, fmt.Errorf("connect to containerd at %s: %w", address, err)
	}
	return &Store{
		Content:       contentproxy.NewContentStore(contentapi.NewContentClient(conn)),
		Leases:        leasesproxy.NewLeaseManager(leasesapi.NewLeasesClient(conn)),
		conn:          conn,
		containers:    containersapi.NewContainersClient(conn),
		images:        imagesapi.NewImagesClient(conn),
		introspection: introspectionapi.NewIntrospectionClient(conn),
	}, nil
}

// Close ends the connection.
func (s *Store) Close() error { return s.conn.Close() }

// Write stores a blob, under a name while it is written. What an earlier writer has
// left there, and a host that lost power has not kept whole, is begun anew.
func (s *Store) Write(ctx context.Context, name string, r io.ReadSeeker, desc ocispec.Descriptor, opts ...content.Opt) error {
	err := content.WriteBlob(ctx, s.Content, name, r, desc, opts...)
	if !errdefs.IsFailedPrecondition(err) {
		return err
	}
	if e := s.Content.Abort(ctx, name); e != nil {
		return errors.Join(err, e)
	}
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		return err
	}
	return content.WriteBlob(ctx, s.Content, name, r, desc, opts...)
}

// Root asks containerd for its root directory, as the one that its content
// store is in. It is empty when that is not on a local disk.
func (s *Store) Root(ctx context.Context) (string, error) {
	plugins, err := s.introspection.Plugins(ctx, &introspectionapi.PluginsRequest{Filters: []string{"type==io.containerd.content.v1"}})
	if err != nil {
		return "", fmt.Errorf("ask containerd for its content store: %w", err)
	}
	for _, p := range plugins.Plugins {
		if root := p.Exports["root"]; filepath.Base(root) == contentPlugin {
			return filepath.Dir(root), nil
		}
	}
	return "", nil
}

// Blobs are the blobs of containerd's content store, read from its directory
// where that is on a local disk, else through containerd.
type Blobs struct {
	// Store is asked for blobs that are not files.
	Store *Store
	// Root is containerd's root directory.
	Root string
}

// Fetch opens a blob. What it returns is not verified.
func (b Blobs) Fetch(ctx context.Context, desc ocispec.Descriptor) (io.ReadCloser, error) {
	f, err := b.open(desc.Digest)
	if err == nil {
		return f, nil
	}
	r, err := b.Store.Content.ReaderAt(ctx, desc)
	if err != nil {
		return nil, fmt.Errorf("containerd has no content %s: pull the image again: %w", desc.Digest, err)
	}
	return struct {
		io.Reader
		io.Closer
	}{content.NewReader(r), r}, nil
}

// File returns the path of a file that holds the blob that desc names,
// verified, and readable by everyone. A blob that is no file of its own is
// copied into dir. It returns errors that match artifact.ErrDigestMismatch or
// artifact.ErrSizeMismatch for a blob that is damaged.
func (b Blobs) File(ctx context.Context, desc ocispec.Descriptor, dir string) (string, error) {
	if f, err := b.open(desc.Digest); err == nil {
		return f.Name(), errors.Join(verify(io.Discard, f, desc), f.Close())
	}
	r, err := b.Fetch(ctx, desc)
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, desc.Digest.Encoded())
	return path, errors.Join(put(path, dir, r, desc), r.Close())
}

// CopyFile puts the content of a file, which desc describes, into dir, as File puts a
// blob there, and returns its path there.
func CopyFile(dir string, desc ocispec.Descriptor, file string) (_ string, err error) {
	in, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	path := filepath.Join(dir, desc.Digest.Encoded())
	return path, put(path, dir, in, desc)
}

// Repair puts the content of a file, which desc describes, in the place of a
// blob of containerd's directory that is damaged, whole or not at all, and returns
// the blob's path. containerd itself would refuse to write what it has already.
func (b Blobs) Repair(desc ocispec.Descriptor, file string) (_ string, err error) {
	path, err := b.path(desc.Digest)
	if err != nil {
		return "", err
	}
	in, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	// Beside containerd's blobs, on the same file system, where containerd
	// looks for none.
	return path, put(path, filepath.Join(b.Root, contentPlugin), in, desc)
}

// put writes a file, verified, and readable by everyone, whole or not at all: one that
// is there may be code that a container runs. Until it is whole it is in dir.
func put(path, dir string, r io.Reader, desc ocispec.Descriptor) error {
	out, err := os.CreateTemp(dir, "wasmfile-")
	if err != nil {
		return err
	}
	err = errors.Join(verify(out, r, desc), out.Chmod(0o444), out.Sync(), out.Close())
	if err == nil {
		err = os.Rename(out.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(out.Name()))
	}
	return nil
}

func (b Blobs) path(d digest.Digest) (string, error) {
	if err := d.Validate(); err != nil {
		return "", err
	}
	if b.Root == "" {
		return "", errors.New("containerd's content is not on a local disk")
	}
	return filepath.Join(b.Root, contentPlugin, "blobs", d.Algorithm().String(), d.Encoded()), nil
}

func (b Blobs) open(d digest.Digest) (*os.File, error) {
	path, err := b.path(d)
	if err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, errors.Join(fmt.Errorf("%s is not a file", path), err, f.Close())
	}
	return f, nil
}

// verify copies a blob and compares it with its descriptor.
func verify(w io.Writer, r io.Reader, desc ocispec.Descriptor) error {
	verifier := desc.Digest.Verifier()
	n, err := io.Copy(io.MultiWriter(w, verifier), r)
	if err != nil {
		return fmt.Errorf("read %s: %w", desc.Digest, err)
	}
	if desc.Size > 0 && n != desc.Size {
		return fmt.Errorf("%s: %w: %d bytes instead of %d: pull the image again", desc.Digest, artifact.ErrSizeMismatch, n, desc.Size)
	}
	if !verifier.Verified() {
		return fmt.Errorf("%s: %w: pull the image again", desc.Digest, artifact.ErrDigestMismatch)
	}
	return nil
}
