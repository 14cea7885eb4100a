package image

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"
	"time"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/leases"
	"github.com/containerd/errdefs"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/wasmfile/wasmfile/pkg/artifact"
)

const (
	// labelFile, followed by a digest, is the label of an image's manifest or
	// index that keeps a component which was a file of that image, and with it
	// the code that was made of it.
	labelFile = "containerd.io/gc.ref.content.wasmfile.file."

	// maxFiles is how many files of containers one image keeps: a container
	// may write others each time that it runs.
	maxFiles = 64

	// maxFileSize is how large a file may be that is run, in bytes.
	maxFileSize = 1 << 30

	// adoption is how long a file is kept at least that no image keeps: long
	// enough to be compiled and mounted.
	adoption = time.Hour
)

// Adopt stores a file of a container as a Wasm layer is stored, so that it is a
// blob with a digest that nobody changes any more, beside which its code can be
// kept. It lives as long as the image that holder names, and for an hour or two
// when there is none. It returns an error that matches artifact.ErrTooLarge for a file
// over 1 GiB.
func (b Blobs) Adopt(ctx context.Context, file *os.File, name string, holder digest.Digest) (ocispec.Descriptor, error) {
	layer := ocispec.Descriptor{MediaType: artifact.MediaTypeComponentLayer}
	info, err := file.Stat()
	if err != nil {
		return layer, err
	}
	if layer.Size = info.Size(); layer.Size > maxFileSize {
		return layer, fmt.Errorf("%s: %w: %d bytes, the limit is %d", name, artifact.ErrTooLarge, layer.Size, maxFileSize)
	}
	if layer.Digest, err = digest.FromReader(io.NewSectionReader(file, 0, layer.Size)); err != nil {
		return layer, fmt.Errorf("read %s: %w", name, err)
	}
	if base := path.Base(name); artifact.CheckName(base) == nil {
		layer.Annotations = map[string]string{ocispec.AnnotationTitle: base}
	}
	held, kept, err := b.Store.heldBy(ctx, holder, layer.Digest)
	if err != nil || kept {
		return layer, err
	}
	if err := b.Store.adopt(ctx, layer, io.NewSectionReader(file, 0, layer.Size), holder, held < maxFiles); err != nil {
		return layer, fmt.Errorf("keep %s of the container: %w", name, err)
	}
	return layer, nil
}

// heldBy returns how many files an image keeps, and whether this one is among
// them and there.
func (s *Store) heldBy(ctx context.Context, holder, file digest.Digest) (held int, kept bool, err error) {
	if holder == "" {
		return maxFiles, false, nil
	}
	info, err := s.Content.Info(ctx, holder)
	if errdefs.IsNotFound(err) { // Somebody removed it.
		return maxFiles, false, nil
	}
	if err != nil {
		return 0, false, fmt.Errorf("look up the image %s: %w", holder, err)
	}
	for key := range info.Labels {
		if strings.HasPrefix(key, labelFile) {
			held++
		}
	}
	if info.Labels[labelFile+file.Encoded()] == "" {
		return held, false, nil
	}
	if _, err = s.Content.Info(ctx, file); errdefs.IsNotFound(err) {
		return held, false, nil
	}
	return held, err == nil, err
}

// adopt stores content, which the image keeps when it is to hold it, and else a
// lease.
func (s *Store) adopt(ctx context.Context, layer ocispec.Descriptor, r io.ReadSeeker, holder digest.Digest, hold bool) (err error) {
	lease, err := s.lease(ctx, layer.Digest, hold)
	if err != nil {
		return fmt.Errorf("create a lease: %w", err)
	}
	if hold {
		defer func() { err = errors.Join(err, s.Leases.Delete(context.WithoutCancel(ctx), leases.Lease{ID: lease})) }()
	}
	ctx = leases.WithLease(ctx, lease)
	if err := s.Write(ctx, "wasmfile-file-"+layer.Digest.Encoded(), r, layer); err != nil || !hold {
		return err
	}
	label := labelFile + layer.Digest.Encoded()
	_, err = s.Content.Update(ctx, content.Info{Digest: holder, Labels: map[string]string{label: layer.Digest.String()}}, "labels."+label)
	return err
}

// lease returns the ID of a lease for a file: a new one for a moment, or one that
// all containers share which start the file in the same hour.
func (s *Store) lease(ctx context.Context, file digest.Digest, moment bool) (string, error) {
	id := leases.WithRandomID()
	if !moment {
		id = leases.WithID(fmt.Sprintf("wasmfile-file-%s-%d", file.Encoded(), time.Now().Unix()/int64(adoption.Seconds())))
	}
	var lease leases.Lease
	if err := id(&lease); err != nil {
		return "", err
	}
	_, err := s.Leases.Create(ctx, leases.WithID(lease.ID), leases.WithExpiration(2*adoption))
	if err != nil && !errdefs.IsAlreadyExists(err) {
		return "", err
	}
	return lease.ID, nil
}
