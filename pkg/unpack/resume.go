package unpack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/wasmfile/wasmfile/pkg/artifact"
)

const (
	// maxCuts is how often in a row a connection may be lost without a byte
	// in between.
	maxCuts = 3

	// cutWait is how long to wait after a connection was lost; it doubles
	// with each that brought nothing.
	cutWait = 100 * time.Millisecond
)

// resuming reads a blob from its source, from an offset on. When the connection
// is lost, it goes on where it was, without reading again what it has.
type resuming struct {
	ctx    context.Context
	source artifact.Fetcher
	desc   ocispec.Descriptor
	offset int64
	body   io.ReadCloser
	began  bool // the source gave something
	cuts   int  // since it gave something
}

// Read reads on. It returns io.EOF when all of the descriptor's size was read,
// and an error that matches artifact.ErrSizeMismatch when the source ends
// before that every time.
func (r *resuming) Read(p []byte) (int, error) {
	for {
		n, err := r.read(p)
		r.offset += int64(n)
		switch {
		case n > 0:
			r.began, r.cuts = true, 0
			if err != nil && !errors.Is(err, io.EOF) {
				_ = r.Close() // it is broken; the next read opens it again
			}
			return n, nil
		case err == nil, errors.Is(err, io.EOF) && r.offset >= r.desc.Size:
			return 0, err
		}
		if err := r.again(err); err != nil {
			return 0, err
		}
	}
}

func (r *resuming) read(p []byte) (int, error) {
	if r.body == nil {
		body, err := r.source.Fetch(r.ctx, r.desc)
		if err != nil {
			return 0, err
		}
		r.body = body
		if err := r.skip(); err != nil {
			return 0, err
		}
	}
	return r.body.Read(p)
}

// skip brings the body to the offset. A registry's body can seek: its next read
// asks for the rest only (Range).
func (r *resuming) skip() error {
	if r.offset == 0 {
		return nil
	}
	if seeker, ok := r.body.(io.Seeker); ok {
		_, err := seeker.Seek(r.offset, io.SeekStart)
		return err
	}
	_, err := io.CopyN(io.Discard, r.body, r.offset)
	return err
}

// again waits until it is time to open the source once more, or returns why
// that is of no use.
func (r *resuming) again(cause error) error {
	if r.body != nil {
		_ = r.Close() // it is broken already
	}
	var network net.Error
	short := cause == io.EOF // a wrapped one is a connection's
	lost := errors.Is(cause, io.EOF) || errors.Is(cause, io.ErrUnexpectedEOF) || r.began && errors.As(cause, &network)
	switch {
	case r.ctx.Err() != nil:
		return r.ctx.Err()
	case lost && r.cuts < maxCuts:
	case short:
		return fmt.Errorf("%s: %w: %d bytes instead of %d", r.desc.Digest, artifact.ErrSizeMismatch, r.offset, r.desc.Size)
	case lost:
		return &CutError{Digest: r.desc.Digest, Err: cause}
	default:
		return fmt.Errorf("fetch %s: %w", r.desc.Digest, cause)
	}
	select {
	case <-time.After(cutWait << r.cuts):
	case <-r.ctx.Done():
		return r.ctx.Err()
	}
	r.cuts++
	return nil
}

// Close lets go of the connection.
func (r *resuming) Close() error {
	if r.body == nil {
		return nil
	}
	err := r.body.Close()
	r.body = nil
	return err
}
