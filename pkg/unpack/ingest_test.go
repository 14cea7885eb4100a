package unpack

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/iotest"
	"time"

	contentapi "github.com/containerd/containerd/api/services/content/v1"
	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/metadata"
	"github.com/containerd/containerd/v2/pkg/namespaces"
	"github.com/containerd/containerd/v2/plugins/content/local"
	"github.com/containerd/containerd/v2/plugins/services/content/contentserver"
	"github.com/containerd/errdefs"
	"github.com/containerd/log"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/sirupsen/logrus"
	bolt "go.etcd.io/bbolt"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/wasmfile/wasmfile/pkg/artifact"
)

// contentService is containerd's own content service and store, in a directory.
func contentService(t *testing.T) (context.Context, contentapi.ContentClient, content.Store) {
	t.Helper()
	dir := t.TempDir()
	blobs, err := local.NewStore(filepath.Join(dir, "content"))
	if err != nil {
		t.Fatal(err)
	}
	db, err := bolt.Open(filepath.Join(dir, "meta.db"), 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	store := metadata.NewDB(db, blobs, nil).ContentStore()
	ctx, api := serve(t, store)
	return ctx, api, store
}

// serve has containerd's own content service offer a store.
func serve(t *testing.T, store content.Store) (context.Context, contentapi.ContentClient) {
	t.Helper()
	server := grpc.NewServer(grpc.WaitForHandlers(true), grpc.MaxRecvMsgSize(16<<20), grpc.StreamInterceptor(
		func(srv any, s grpc.ServerStream, _ *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
			// The server logs what its clients are told too.
			logger := logrus.New()
			logger.SetOutput(io.Discard)
			ctx := log.WithLogger(s.Context(), logrus.NewEntry(logger))
			return handler(srv, inNamespace{s, namespaces.WithNamespace(ctx, "test")})
		}), grpc.UnaryInterceptor(
		func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
			return handler(namespaces.WithNamespace(ctx, "test"), req)
		}))
	contentapi.RegisterContentServer(server, contentserver.New(store))
	socket := filepath.Join(t.TempDir(), "s")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	go server.Serve(listener)
	t.Cleanup(server.Stop)
	conn, err := grpc.NewClient("unix://"+socket, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return namespaces.WithNamespace(t.Context(), "test"), contentapi.NewContentClient(conn)
}

type inNamespace struct {
	grpc.ServerStream
	ctx context.Context
}

func (s inNamespace) Context() context.Context { return s.ctx }

func random(t *testing.T, size int) ([]byte, ocispec.Descriptor) {
	t.Helper()
	data := make([]byte, size)
	if _, err := rand.Read(data); err != nil {
		t.Fatal(err)
	}
	return data, ocispec.Descriptor{MediaType: "application/x-test", Digest: digest.FromBytes(data), Size: int64(size)}
}

// lossy is a source that loses the connection after every n bytes, and
// remembers from where it was asked to go on.
type lossy struct {
	data  []byte
	n     int
	from  []int64
	total int
}

func (l *lossy) Fetch(context.Context, ocispec.Descriptor) (io.ReadCloser, error) {
	return &lossyBody{source: l}, nil
}

type lossyBody struct {
	source *lossy
	reader io.Reader
	offset int64
}

func (b *lossyBody) Seek(offset int64, _ int) (int64, error) {
	b.offset = offset
	return offset, nil
}

func (b *lossyBody) Read(p []byte) (int, error) {
	if b.reader == nil {
		b.source.from = append(b.source.from, b.offset)
		rest := b.source.data[b.offset:]
		b.reader = bytes.NewReader(rest)
		if len(rest) > b.source.n {
			b.reader = io.MultiReader(bytes.NewReader(rest[:b.source.n]), iotest.ErrReader(&net.OpError{Op: "read", Err: syscall.ECONNRESET}))
		}
	}
	n, err := b.reader.Read(p)
	b.source.total += n
	return n, err
}

func (b *lossyBody) Close() error { return nil }

func newTestTransfer(api contentapi.ContentClient, store content.Store, source artifact.Fetcher) *transfer {
	return &transfer{api: api, store: store, source: source, parallel: 4, progress: func(Progress) {}}
}

// TestFetch: given blobs of all sizes, and sources that lose connections, the
// store has the bytes, and none was fetched twice.
func TestFetch(t *testing.T) {
	ctx, api, store := contentService(t)
	// Of fewer than 8 bytes two may be the same, and the second is there.
	for _, size := range []int{8, smallBlob - 1, smallBlob, smallBlob + 1, 5*messageSize + 7} {
		for _, n := range []int{1 << 30, messageSize / 3, messageSize, 2*messageSize + 1} {
			t.Run(fmt.Sprintf("%d bytes, cut every %d", size, n), func(t *testing.T) {
				data, desc := random(t, size)
				source := &lossy{data: data, n: n}
				transfer := newTestTransfer(api, store, source)
				transfer.origin = origin{key: "containerd.io/distribution.source.test", repository: "a/b"}
				if err := transfer.fetch(ctx, blob{Descriptor: desc}); err != nil {
					t.Fatal(err)
				}
				stored, err := content.ReadBlob(ctx, store, desc)
				if err != nil || !bytes.Equal(stored, data) {
					t.Errorf("the store has %d other bytes (%v)", len(stored), err)
				}
				if source.total != size {
					t.Errorf("%d bytes were fetched of %d, from %v", source.total, size, source.from)
				}
				info, err := store.Info(ctx, desc.Digest)
				if err != nil || info.Labels[transfer.origin.key] != "a/b" {
					t.Errorf("labels are %v (%v)", info.Labels, err)
				}
			})
		}
	}
}

// TestFetchGoesOn: given a fetch that was cut for good, another one fetches the
// rest only; and when what the first one stored was wrong, all of it.
func TestFetchGoesOn(t *testing.T) {
	data, desc := random(t, 4*messageSize)
	wrong := bytes.Clone(data[:2*messageSize])
	wrong[3] ^= 1
	for name, c := range map[string]struct {
		begun []byte
		total int
	}{
		"right": {data[:2*messageSize+9], 2*messageSize - 9},
		"wrong": {wrong, 2*messageSize + 4*messageSize},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, api, store := contentService(t)
			begun, err := openIngest(ctx, api, desc)
			if err != nil {
				t.Fatal(err)
			}
			if err := begun.write(bytes.NewReader(c.begun), func(int64) {}); err == nil {
				t.Fatal("a part was taken for the whole")
			}
			begun.close()
			source := &lossy{data: data, n: 1 << 30}
			if err := newTestTransfer(api, store, source).fetch(ctx, blob{Descriptor: desc}); err != nil {
				t.Fatal(err)
			}
			if source.total != c.total {
				t.Errorf("%d bytes were fetched, from %v; it has to be %d", source.total, source.from, c.total)
			}
			if stored, err := content.ReadBlob(ctx, store, desc); err != nil || !bytes.Equal(stored, data) {
				t.Errorf("the store has %d other bytes (%v)", len(stored), err)
			}
		})
	}
}

// TestFetchRefuses: given a source with other bytes, fewer or more, a fetch
// says so and nothing becomes content.
func TestFetchRefuses(t *testing.T) {
	for _, size := range []int{1000, 3 * messageSize} {
		good, desc := random(t, size)
		other := bytes.Clone(good)
		other[size/2] ^= 1
		for name, c := range map[string]struct {
			data []byte
			desc ocispec.Descriptor
			want error
		}{
			"other bytes": {other, desc, artifact.ErrDigestMismatch},
			"fewer":       {good[:size-1], desc, artifact.ErrSizeMismatch},
			"more":        {append(bytes.Clone(good), 0), desc, artifact.ErrSizeMismatch},
			"no size":     {good, ocispec.Descriptor{Digest: desc.Digest}, artifact.ErrSizeMismatch},
		} {
			t.Run(fmt.Sprintf("%s of %d", name, size), func(t *testing.T) {
				ctx, api, store := contentService(t)
				err := newTestTransfer(api, store, &lossy{data: c.data, n: 1 << 30}).fetch(ctx, blob{Descriptor: c.desc})
				if !errors.Is(err, c.want) {
					t.Errorf("the error is %v", err)
				}
				if _, err := store.Info(ctx, desc.Digest); !errdefs.IsNotFound(err) {
					t.Errorf("it became content: %v", err)
				}
			})
		}
	}
}

// fullStore is a store on a disk that has room for one message.
type fullStore struct{ content.Store }

func (s fullStore) Writer(ctx context.Context, opts ...content.WriterOpt) (content.Writer, error) {
	w, err := s.Store.Writer(ctx, opts...)
	return &fullWriter{Writer: w}, err
}

type fullWriter struct {
	content.Writer
	written int
}

func (w *fullWriter) Write(p []byte) (int, error) {
	if w.written += len(p); w.written > messageSize {
		return 0, syscall.ENOSPC
	}
	return w.Writer.Write(p)
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// TestFullStore: given a store that fails while answers of it are under way, the
// error is the store's.
func TestFullStore(t *testing.T) {
	_, _, store := contentService(t)
	ctx, api := serve(t, fullStore{store})
	data, desc := random(t, 5*messageSize)
	i, err := openIngest(ctx, api, desc)
	if err != nil {
		t.Fatal(err)
	}
	defer i.close()
	// The third message comes when the store is likely to have refused the second.
	late := readerFunc(func([]byte) (int, error) {
		time.Sleep(100 * time.Millisecond)
		return 0, io.EOF
	})
	err = i.write(io.MultiReader(bytes.NewReader(data[:2*messageSize]), late, bytes.NewReader(data[2*messageSize:])), func(int64) {})
	if err == nil || !strings.Contains(err.Error(), syscall.ENOSPC.Error()) {
		t.Errorf("the error is %v", err)
	}
}

// TestInterrupted: given a context that has ended, nothing counts as fetched.
func TestInterrupted(t *testing.T) {
	ctx, api, store := contentService(t)
	ctx, cancel := context.WithCancel(ctx)
	cancel()
	data, desc := random(t, 1000)
	transfer := newTestTransfer(api, store, &lossy{data: data, n: 1 << 30})
	if err := transfer.run(ctx, []blob{{Descriptor: desc}}, transfer.fetch); !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v", err)
	}
}

// TestFetchAtOnce: given many that fetch the same blob, one of them does.
func TestFetchAtOnce(t *testing.T) {
	ctx, api, store := contentService(t)
	data, desc := random(t, 3*messageSize)
	sources := make([]lossy, 20)
	var fetching sync.WaitGroup
	for i := range sources {
		sources[i] = lossy{data: data, n: 1 << 30}
		fetching.Go(func() {
			if err := newTestTransfer(api, store, &sources[i]).fetch(ctx, blob{Descriptor: desc}); err != nil {
				t.Error(err)
			}
		})
	}
	fetching.Wait()
	total := 0
	for i := range sources {
		total += sources[i].total
	}
	if total != len(data) {
		t.Errorf("%d bytes were fetched of %d", total, len(data))
	}
}

// TestChildLabels: given a manifest, containerd's names for what it leads to.
func TestChildLabels(t *testing.T) {
	at := func(mediaType, name string) ocispec.Descriptor {
		return ocispec.Descriptor{MediaType: mediaType, Digest: digest.FromString(name)}
	}
	labels := childLabels([]ocispec.Descriptor{
		at(ocispec.MediaTypeImageConfig, "config"),
		at(artifact.MediaTypeComponentLayer, "a"), at(artifact.MediaTypeComponentLayer, "b"),
		at(ocispec.MediaTypeImageLayerGzip, "files"),
	})
	for key, name := range map[string]string{"config": "config", "0": "a", "1": "b", "l.0": "files"} {
		if got := labels["containerd.io/gc.ref.content."+key]; got != digest.FromString(name).String() {
			t.Errorf("%s is %q; labels are %v", key, got, labels)
		}
	}
	if len(labels) != 4 {
		t.Errorf("labels are %v", labels)
	}
}

// TestOrigin: given what a label says, what it says with another repository.
func TestOrigin(t *testing.T) {
	o, err := newOrigin("registry.example:5000/b/c:1")
	if err != nil || o.key != "containerd.io/distribution.source.registry.example" {
		t.Fatalf("the key is %q (%v)", o.key, err)
	}
	for before, after := range map[string]string{"": "b/c", "a": "a,b/c", "z": "b/c,z", "a,b/c": "", "b/c": ""} {
		wanted := make(map[string]string)
		o.add(wanted, map[string]string{o.key: before})
		if wanted[o.key] != after {
			t.Errorf("%q becomes %q, not %q", before, wanted[o.key], after)
		}
	}
}
