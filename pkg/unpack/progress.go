package unpack

import ocispec "github.com/opencontainers/image-spec/specs-go/v1"

// State is how far a blob is.
type State string

// The states of a blob, in the order in which it can have them.
const (
	// StateWaiting is that of a blob that has to be fetched.
	StateWaiting State = "waiting"
	// StateFetching is that of a blob of which bytes come.
	StateFetching State = "fetching"
	// StateExists is the last state of a blob that was there.
	StateExists State = "exists"
	// StateDone is the last state of a blob that was fetched.
	StateDone State = "done"
)

// Progress is the state of one blob.
type Progress struct {
	// Descriptor is the blob's.
	Descriptor ocispec.Descriptor
	// State is how far it is.
	State State
	// Offset is how many of its bytes are stored.
	Offset int64
}
