package task

import (
	"errors"
	"io/fs"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/wasmfile/wasmfile/pkg/artifact"
	"github.com/wasmfile/wasmfile/pkg/printable"
	"github.com/wasmfile/wasmfile/pkg/wasm"
	"github.com/wasmfile/wasmfile/shim/bundle"
	"github.com/wasmfile/wasmfile/shim/engine"
	"github.com/wasmfile/wasmfile/shim/image"
	"github.com/wasmfile/wasmfile/shim/policy"
)

// errNotRunning is returned for what needs a container that runs.
var errNotRunning = errors.New("the container does not run")

// errNoProgram is returned for an exec of what is not in the container.
var errNoProgram = errors.New("nothing to run")

// errRestored is returned for a container that is to be made of a checkpoint, of which
// none is made of a WebAssembly container.
var errRestored = errors.New("it runs WebAssembly, which cannot be restored: run its image again")

// rpcError is an error of this shim's as the answer to a request: with the
// code by which containerd's clients know whose fault it is, and the message,
// because people read it. What an image says in it must not act on their
// terminals; and a message that is not UTF-8 could not be sent at all, for which
// the server would close its connection, and containerd take the shim and all of
// its containers for dead.
func rpcError(err error) error {
	return status.Error(rpcCode(err), printable.Text(err.Error()))
}

func rpcCode(err error) codes.Code {
	var noMatch *artifact.NoMatchError
	var format *wasm.FormatError
	switch {
	case errors.Is(err, errOptions), errors.Is(err, errNoProgram), errors.As(err, &noMatch), errors.As(err, &format),
		errors.Is(err, artifact.ErrInvalid), errors.Is(err, bundle.ErrInvalid), errors.Is(err, engine.ErrCompile), errors.Is(err, engine.ErrCommand):
		return codes.InvalidArgument
	case errors.Is(err, image.ErrNotListed), errors.Is(err, policy.ErrDenied):
		return codes.PermissionDenied
	case errors.Is(err, errNotRunning), errors.Is(err, errRestored), errors.Is(err, policy.ErrFile), errors.Is(err, engine.ErrNotFound), errors.Is(err, engine.ErrUnsupported), errors.Is(err, fs.ErrNotExist):
		return codes.FailedPrecondition
	}
	status, _ := status.FromError(err)
	if status.Code() == codes.Unimplemented {
		// It is some service's of containerd, which would take it for this shim's, ask
		// by an older API, and tell its client of that.
		return codes.FailedPrecondition
	}
	return status.Code()
}
