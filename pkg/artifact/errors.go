package artifact

import (
	"errors"
	"fmt"
	"strings"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

var (
	// ErrNoWasm is returned by Read for a manifest that has no layer that is
	// known to be Wasm and is no image for Wasm: an ordinary image, or an
	// artifact of another kind.
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

// UnknownLayersError says that none of a manifest's layers is Wasm, and that it
// is no image for Wasm either. It matches ErrNoWasm.
type UnknownLayersError struct {
	// Manifest is the digest of the manifest.
	Manifest digest.Digest
	// MediaTypes are the distinct types of its layers, in manifest order.
	MediaTypes []string
	// Platform is the image's, when it is one.
	Platform ocispec.Platform
}

func (e *UnknownLayersError) Error() string {
	if e.Platform.OS != "" {
		return fmt.Sprintf("%s is an image for %s/%s, without Wasm layers and not for Wasm", e.Manifest, e.Platform.OS, e.Platform.Architecture)
	}
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
	if len(e.Names) == 0 {
		return "its component is a file and no layer: make one with `nerdctl wasm convert --form oci`"
	}
	names := strings.Join(e.Names, ", ")
	if e.Arg == "" {
		return fmt.Sprintf("no ENTRYPOINT chooses one of the components %s: set one in the Wasmfile or use --entrypoint NAME", names)
	}
	return fmt.Sprintf("no component is named %q; there are %s: choose one with ENTRYPOINT in the Wasmfile or --entrypoint NAME", e.Arg, names)
}
