package codecache

import (
	"context"
	"os"
	"path/filepath"
	"time"

	"github.com/wasmfile/wasmfile/shim/filelock"
)

// lockPoll is how often a lock that another shim holds is tried.
const lockPoll = 25 * time.Millisecond

// lock takes the lock of a name for this process, among all shims that share
// dir, in which nothing of it stays. The kernel releases it when the process ends.
func lock(ctx context.Context, dir, name string) (unlock func(), err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	for {
		f, err := filelock.Try(filepath.Join(dir, name))
		if err != nil {
			return nil, err
		}
		if f != nil {
			return func() { _ = filelock.Remove(f) }, nil
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(lockPoll):
		}
	}
}
