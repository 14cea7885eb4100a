package tracing

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"

	"github.com/wasmfile/wasmfile/shim/filelock"
)

// maxExports is the most exports that run at one time on a host. A collector
// that does not answer holds each for as long as its time is, and shims come
// and go.
const maxExports = 8

// errBusy is returned when as many exports are under way as may be.
var errBusy = errors.New("earlier exports are not done: is the collector slow?")

// takeSlot takes one of a host's slots for an export. It is free again when
// the last process that has the file open has ended. It returns errBusy when
// none is free.
func takeSlot(dir string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	for n := range maxExports {
		f, err := filelock.Try(filepath.Join(dir, strconv.Itoa(n)))
		if err != nil || f != nil {
			return f, err
		}
	}
	return nil, errBusy
}
