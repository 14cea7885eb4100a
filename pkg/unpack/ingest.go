package unpack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	contentapi "github.com/containerd/containerd/api/services/content/v1"
	"github.com/containerd/containerd/v2/core/remotes"
	"github.com/containerd/errdefs"
	"github.com/containerd/errdefs/pkg/errgrpc"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/wasmfile/wasmfile/pkg/artifact"
)

const (
	// messageSize is how many bytes of a blob one message to containerd has.
	// Four times more, or less, is slower.
	messageSize = 1 << 20

	// window is how many messages are under way before an answer is waited
	// for: containerd hashes and writes one while the next comes from the
	// network.
	window = 2

	// lockWait is how long to wait first for somebody who writes the same
	// blob; it doubles up to maxLockWait.
	lockWait, maxLockWait = 10 * time.Millisecond, 200 * time.Millisecond
)

// ingest writes one blob into containerd's content store. It speaks the store's
// protocol itself, because containerd's client asks for the status before and
// after each step and waits for each answer: here, opening is one message, a
// small blob a second one, and a large one a stream.
type ingest struct {
	api    contentapi.ContentClient
	stream contentapi.Content_WriteClient
	cancel context.CancelFunc
	ref    string
	desc   ocispec.Descriptor
	// offset is how many bytes the store has.
	offset int64
}

// openIngest begins a blob, or continues one that was begun. It waits for
// somebody else who writes the same. The error matches
// errdefs.ErrAlreadyExists when the store has the blob, which the context's
// lease then keeps.
func openIngest(ctx context.Context, api contentapi.ContentClient, desc ocispec.Descriptor) (*ingest, error) {
	i := &ingest{api: api, ref: remotes.MakeRefKey(ctx, desc), desc: desc}
	for wait := lockWait; ; wait = min(2*wait, maxLockWait) {
		err := i.open(ctx)
		if !errdefs.IsUnavailable(err) {
			return i, err
		}
		// A containerd that is gone gives the same answer.
		if _, statusErr := api.Status(ctx, &contentapi.StatusRequest{Ref: i.ref}); errdefs.IsUnavailable(errgrpc.ToNative(statusErr)) {
			return nil, err
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (i *ingest) open(ctx context.Context) (err error) {
	ctx, i.cancel = context.WithCancel(ctx)
	defer func() {
		if err != nil {
			i.cancel()
		}
	}()
	if i.stream, err = i.api.Write(ctx); err != nil {
		return errgrpc.ToNative(err)
	}
	err = i.send(&contentapi.WriteContentRequest{
		Action: contentapi.WriteAction_STAT, Ref: i.ref, Total: i.desc.Size, Expected: i.desc.Digest.String(),
	})
	if err != nil {
		return err
	}
	return i.answer()
}

// send sends a message. When the server has ended the stream, its reason comes after
// the answers that are still to be received.
func (i *ingest) send(m *contentapi.WriteContentRequest) error {
	err := i.stream.Send(m)
	if errors.Is(err, io.EOF) {
		for err = nil; err == nil; {
			err = i.stream.RecvMsg(&contentapi.WriteContentResponse{})
		}
		if errors.Is(err, io.EOF) { // it gave none
			err = io.ErrUnexpectedEOF
		}
	}
	return errgrpc.ToNative(err)
}

func (i *ingest) answer() error {
	response, err := i.stream.Recv()
	if err != nil {
		return errgrpc.ToNative(err)
	}
	i.offset = response.Offset
	return nil
}

// write appends what r has. It reads as many bytes as are missing and makes
// sure that there are no more. written is called with the offset reached.
func (i *ingest) write(r io.Reader, written func(offset int64)) error {
	var (
		buffers  [window + 1][]byte // each is used again after its answer
		answered int
		sent     = i.offset
	)
	for n := 0; sent < i.desc.Size; n++ {
		if buffers[n%len(buffers)] == nil {
			buffers[n%len(buffers)] = make([]byte, messageSize)
		}
		size, err := io.ReadFull(r, buffers[n%len(buffers)][:min(messageSize, i.desc.Size-sent)])
		if size > 0 {
			message := &contentapi.WriteContentRequest{Action: contentapi.WriteAction_WRITE, Offset: sent, Data: buffers[n%len(buffers)][:size]}
			if err := i.send(message); err != nil {
				return fmt.Errorf("store %s: %w", i.desc.Digest, err)
			}
			sent += int64(size)
			for ; n-answered >= window; answered++ {
				if err := i.answer(); err != nil {
					return fmt.Errorf("store %s: %w", i.desc.Digest, err)
				}
			}
			written(i.offset)
		}
		if err != nil {
			return errors.Join(err, i.settle(sent))
		}
	}
	if err := i.settle(sent); err != nil {
		return err
	}
	written(i.offset)
	return atEnd(r, i.desc)
}

// settle waits until the store has what was sent, which it keeps then.
func (i *ingest) settle(sent int64) error {
	for i.offset < sent {
		if err := i.answer(); err != nil {
			return fmt.Errorf("store %s: %w", i.desc.Digest, err)
		}
	}
	return nil
}

// atEnd returns an error when a blob goes on after its size.
func atEnd(r io.Reader, desc ocispec.Descriptor) error {
	switch n, err := io.ReadFull(r, make([]byte, 1)); {
	case n > 0:
		return fmt.Errorf("%s: %w: more than %d bytes", desc.Digest, artifact.ErrSizeMismatch, desc.Size)
	case errors.Is(err, io.EOF):
		return nil
	default:
		return err
	}
}

// commit makes the blob content, with labels. What data has is all of it;
// without data, what was written is. The store compares size and digest: the
// error matches artifact.ErrDigestMismatch, and nothing is kept, when these
// bytes are not the ones.
func (i *ingest) commit(ctx context.Context, data []byte, labels map[string]string) error {
	defer i.cancel()
	offset := i.offset
	if data != nil {
		offset = 0 // what somebody began is written again
	}
	err := i.send(&contentapi.WriteContentRequest{
		Action: contentapi.WriteAction_COMMIT, Total: i.desc.Size, Offset: offset,
		Expected: i.desc.Digest.String(), Data: data, Labels: labels,
	})
	if err == nil {
		err = i.answer()
	}
	switch {
	case err == nil:
		return nil
	case errdefs.IsAlreadyExists(err):
		return err
	case errdefs.IsFailedPrecondition(err):
		return errors.Join(fmt.Errorf("%s: %w: %w", i.desc.Digest, artifact.ErrDigestMismatch, err), i.abort(ctx))
	}
	return fmt.Errorf("store %s: %w", i.desc.Digest, err)
}

// abort removes what was written.
func (i *ingest) abort(ctx context.Context) error {
	i.cancel()
	_, err := i.api.Abort(context.WithoutCancel(ctx), &contentapi.AbortRequest{Ref: i.ref})
	if err = errgrpc.ToNative(err); err != nil && !errdefs.IsNotFound(err) {
		return fmt.Errorf("remove what was stored of %s: %w", i.desc.Digest, err)
	}
	return nil
}

// close lets go of the blob; what was written stays.
func (i *ingest) close() { i.cancel() }
