package task

import (
	"errors"
	"io/fs"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/wasmfile/wasmfile/pkg/artifact"
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

// rpcError is an error of this shim's as the answer to a request: with the
// code by which containerd's clients know whose fault it is, and the message
// as it is, because people read it.
func rpcError(err error) error {
	return status.Error(rpcCode(err), err.Error())
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
	case errors.Is(err, errNotRunning), errors.Is(err, policy.ErrFile), errors.Is(err, engine.ErrNotFound), errors.Is(err, engine.ErrUnsupported), errors.Is(err, fs.ErrNotExist):
		return codes.FailedPrecondition
	}
	status, _ := status.FromError(err)
	return status.Code()
}
