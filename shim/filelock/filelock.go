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
// is none, and stays for those who are waiting for it.
func Wait(path string) (*os.File, error) {
	return take(path, syscall.LOCK_EX)
}

// Try is Wait, but returns nil when somebody has the lock.
func Try(path string) (*os.File, error) {
	f, err := take(path, syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, nil
	}
	return f, err
}

func take(path string, how int) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	for err = syscall.EINTR; errors.Is(err, syscall.EINTR); {
		err = syscall.Flock(int(f.Fd()), how)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), f.Close())
	}
	return f, nil
}
