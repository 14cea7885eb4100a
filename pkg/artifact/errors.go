package artifact

import (
	"errors"
	"fmt"
	"strings"

	"github.com/opencontainers/go-digest"
)

var (
	// ErrNoWasm is returned by Read for a manifest that has no layer that is
	// known to be Wasm: an ordinary image, or an artifact of another kind.
	ErrNoWasm = errors.New("no Wasm layer")

	// ErrTooLarge is returned for a document or a list over its limit.
	ErrTooLarge = errors.New("too large")

	// ErrDigestMismatch is returned when bytes are not those that their
	// descriptor promises.
	ErrDigestMismatch = errors.New("digest mismatch")

	// ErrSizeMismatch is returned when there are more or fewer bytes than
	// the descriptor promises.
	ErrSizeMismatch = errors.New("size mismatch")

	// ErrInvalid is returned for a document that breaks a rule of the format.
	ErrInvalid = errors.New("invalid artifact")
)

// UnknownLayersError says that none of a manifest's layers is Wasm. It
// matches ErrNoWasm.
type UnknownLayersError struct {
	// Manifest is the digest of the manifest.
	Manifest digest.Digest
	// MediaTypes are the distinct types of its layers, in manifest order.
	MediaTypes []string
}

func (e *UnknownLayersError) Error() string {
	if len(e.MediaTypes) == 0 {
		return fmt.Sprintf("%s has no layers, so no Wasm to run", e.Manifest)
	}
	return fmt.Sprintf("%s holds no Wasm layer: its layers are %s; one of %s is needed",
		e.Manifest, strings.Join(e.MediaTypes, ", "), strings.Join(wasmLayerTypes, ", "))
}

// Is makes errors.Is(err, ErrNoWasm) true.
func (e *UnknownLayersError) Is(target error) bool { return target == ErrNoWasm }

// NoMatchError says that a process's first argument names no layer of an
// artifact with several.
type NoMatchError struct {
	// Arg is the first argument, empty when there is none.
	Arg string
	// Names are the layers that could have been named, in manifest order.
	Names []string
}

func (e *NoMatchError) Error() string {
	names := strings.Join(e.Names, ", ")
	if e.Arg == "" {
		return fmt.Sprintf("no ENTRYPOINT chooses one of the components %s: set one in the Wasmfile or use --entrypoint NAME", names)
	}
	return fmt.Sprintf("no component is named %q; there are %s: choose one with ENTRYPOINT in the Wasmfile or --entrypoint NAME", e.Arg, names)
}
