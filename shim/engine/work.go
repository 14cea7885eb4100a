package engine

import (
	"errors"
	"os"
	"path/filepath"

	"github.com/wasmfile/wasmfile/shim/filelock"
)

// lockName is the lock of the directory in which those to work in are made, and engines
// are published.
const lockName = "lock"

// makeWork makes a directory to work in, below dir, which is locked until it is
// removed by the returned function, which is never nil. It removes those with the same
// prefix that nobody has locked: their shims were killed.
func makeWork(dir, prefix string) (work string, remove func() error, err error) {
	remove = func() error { return nil }
	if err := os.MkdirAll(dir, 0o711); err != nil {
		return "", remove, err
	}
	one, err := filelock.Wait(filepath.Join(dir, lockName))
	if err != nil {
		return "", remove, err
	}
	defer func() { err = errors.Join(err, one.Close()) }()
	sweep(dir, prefix)
	if work, err = os.MkdirTemp(dir, prefix+"*"); err != nil {
		return "", remove, err
	}
	// The directory itself: a file in it could be made again by another's sweep, when
	// it is removed before the directory.
	lock, err := filelock.TryAlone(work)
	if err != nil {
		return "", remove, errors.Join(err, os.Remove(work))
	}
	return work, func() error { return errors.Join(os.RemoveAll(work), lock.Close()) }, nil
}

// sweep is only tidying: what cannot be removed now is tried again next time.
func sweep(dir, prefix string) {
	left, _ := filepath.Glob(filepath.Join(dir, prefix+"*"))
	for _, work := range left {
		lock, err := filelock.TryAlone(work)
		if err == nil && lock != nil {
			_ = errors.Join(os.RemoveAll(work), lock.Close())
		}
	}
}
