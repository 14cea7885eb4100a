package task

import (
	"errors"
	"io/fs"

	"github.com/containerd/errdefs"

	"github.com/wasmfile/wasmfile/pkg/artifact"
	"github.com/wasmfile/wasmfile/pkg/wasm"
	"github.com/wasmfile/wasmfile/shim/bundle"
	"github.com/wasmfile/wasmfile/shim/engine"
	"github.com/wasmfile/wasmfile/shim/image"
)

// classified is an error with the class by which containerd's clients know
// whose fault it is. Its message stays, because people read it.
type classified struct{ err, class error }

func (c classified) Error() string   { return c.err.Error() }
func (c classified) Unwrap() []error { return []error{c.err, c.class} }

// classify adds the class of an error of this shim's.
func classify(err error) error {
	var noMatch *artifact.NoMatchError
	var format *wasm.FormatError
	switch {
	case errors.As(err, &noMatch), errors.As(err, &format), errors.Is(err, artifact.ErrInvalid),
		errors.Is(err, bundle.ErrInvalid), errors.Is(err, engine.ErrCompile):
		return classified{err, errdefs.ErrInvalidArgument}
	case errors.Is(err, image.ErrNotListed):
		return classified{err, errdefs.ErrPermissionDenied}
	case errors.Is(err, engine.ErrNotFound), errors.Is(err, engine.ErrUnsupported), errors.Is(err, fs.ErrNotExist):
		return classified{err, errdefs.ErrFailedPrecondition}
	}
	return err
}
