package tracing

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
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
		f, err := os.OpenFile(filepath.Join(dir, strconv.Itoa(n)), os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
		if err != nil {
			return nil, err
		}
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return f, nil
		}
		if closing := f.Close(); closing != nil || !errors.Is(err, unix.EWOULDBLOCK) {
			return nil, errors.Join(fmt.Errorf("lock %s: %w", f.Name(), err), closing)
		}
	}
	return nil, errBusy
}
