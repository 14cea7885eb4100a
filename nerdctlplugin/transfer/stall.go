package transfer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"
)

// stallTimeout is how long a registry may send nothing in the middle of an answer: as
// long as it may take to begin one.
const stallTimeout = 30 * time.Second

// errStalled is why a request was ended. It is a net.Error, as of a connection that was
// lost.
var errStalled = fmt.Errorf("the registry sends nothing any more: %w", os.ErrDeadlineExceeded)

// stalling ends requests whose answer stops to come.
type stalling struct {
	next    http.RoundTripper
	timeout time.Duration
}

// RoundTrip sends a request.
func (s stalling) RoundTrip(request *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(request.Context())
	response, err := s.next.RoundTrip(request.WithContext(ctx))
	if err != nil {
		cancel(nil)
		return nil, err
	}
	response.Body = &stallingBody{body: response.Body, ctx: ctx, cancel: cancel, timeout: s.timeout}
	return response, nil
}

type stallingBody struct {
	body    io.ReadCloser
	ctx     context.Context // of the request
	cancel  context.CancelCauseFunc
	timeout time.Duration
}

// Read returns errStalled when nothing comes in time.
func (b *stallingBody) Read(p []byte) (int, error) {
	timer := time.AfterFunc(b.timeout, func() { b.cancel(errStalled) })
	defer timer.Stop()
	n, err := b.body.Read(p)
	if err != nil && errors.Is(context.Cause(b.ctx), errStalled) {
		err = errStalled
	}
	return n, err
}

// Close lets go of the connection.
func (b *stallingBody) Close() error {
	defer b.cancel(nil)
	return b.body.Close()
}
