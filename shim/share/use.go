package share

import (
	"os"
	"time"
)

// Keep is how long a shim is kept that has no container, or whose address was
// given out for one of which nothing was heard.
const Keep = time.Minute

// Use notes that the shim is about to be asked for a container.
func (l *Lock) Use() error {
	now := time.Now()
	return os.Chtimes(l.file.Name(), now, now)
}

// Used reports whether the shim was given out so lately that it may still be
// asked for a container.
func (l *Lock) Used() (bool, error) {
	info, err := l.file.Stat()
	if err != nil {
		return false, err
	}
	// A clock that was set back must not keep the shim for ever.
	since := time.Since(info.ModTime())
	return since.Abs() < Keep, nil
}
