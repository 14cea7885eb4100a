// Package filelock takes locks that the shims of a host share: files that are
// locked, until they are closed or the process that has them open ends. It imports
// little, because the shim's start has no time to initialize more.
package filelock

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// Wait takes the lock of a path when nobody else has it. The file is made if there
// is none, and stays unless it is given to Remove.
func Wait(path string) (*os.File, error) {
	return take(path, makes, syscall.LOCK_EX)
}

// Try is Wait, but returns nil when somebody has the lock.
func Try(path string) (*os.File, error) {
	return try(path, makes)
}

// Share takes the lock of a file or directory that is there together with others who
// share it, when nobody has it alone.
func Share(path string) (*os.File, error) {
	return take(path, os.O_RDONLY, syscall.LOCK_SH)
}

// TryAlone is Try for a file or directory that is there, and returns nil also when
// somebody shares its lock.
func TryAlone(path string) (*os.File, error) {
	return try(path, os.O_RDONLY)
}

// Release lets others have a lock at once. When its file is only closed, a process that
// is just being started may still have it open, and so the lock, for a moment.
func Release(f *os.File) error {
	return errors.Join(syscall.Flock(int(f.Fd()), syscall.LOCK_UN), f.Close())
}

// Remove lets others have a lock, and removes its file. Those who wait for it make
// another one.
func Remove(f *os.File) error { return errors.Join(os.Remove(f.Name()), f.Close()) }

// makes opens a file that is made if there is none.
const makes = os.O_RDWR | os.O_CREATE

func try(path string, open int) (*os.File, error) {
	f, err := take(path, open, syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, nil
	}
	return f, err
}

func take(path string, open, how int) (*os.File, error) {
	for {
		f, err := os.OpenFile(path, open|syscall.O_NOFOLLOW, 0o600)
		if err != nil {
			return nil, err
		}
		for err = syscall.EINTR; errors.Is(err, syscall.EINTR); {
			err = syscall.Flock(int(f.Fd()), how)
		}
		if err != nil {
			return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), f.Close())
		}
		if isAt(f, path) {
			return f, nil
		}
		_ = f.Close() // It was removed before it could be locked.
	}
}

func isAt(f *os.File, path string) bool {
	opened, err := f.Stat()
	there, e := os.Lstat(path)
	return err == nil && e == nil && os.SameFile(opened, there)
}
