package unpack

import (
	"errors"
	"fmt"

	"github.com/opencontainers/go-digest"
)

// ErrIncomplete is returned by Existing for an image whose content is not all
// there: another tool pulled a part of it.
var ErrIncomplete = errors.New("the content of the image is not complete")

// CutError says that a source stopped in the middle of a blob, again and again.
// What it gave is kept for the next Import.
type CutError struct {
	// Digest is the blob's.
	Digest digest.Digest
	// Err is what happened last.
	Err error
}

func (e *CutError) Error() string {
	return fmt.Sprintf("the connection was lost while %s was fetched: %v", e.Digest, e.Err)
}

func (e *CutError) Unwrap() error { return e.Err }
