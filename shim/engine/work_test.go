package engine

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
)

// What shims that were killed left is removed, and nothing that somebody works in,
// whatever the clock says.
func TestMakeWork(t *testing.T) {
	dir := t.TempDir()
	left, other := filepath.Join(dir, "made-left"), filepath.Join(dir, "other")
	if err := errors.Join(os.MkdirAll(filepath.Join(left, "in"), 0o700), os.Mkdir(other, 0o700)); err != nil {
		t.Fatal(err)
	}
	work, remove, err := makeWork(dir, "made-")
	if err != nil {
		t.Fatal(err)
	}
	long := time.Now().Add(-1000 * time.Hour)
	if err := os.Chtimes(work, long, long); err != nil {
		t.Fatal(err)
	}
	_, removeOther, err := makeWork(dir, "made-")
	if err = errors.Join(err, removeOther()); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]bool{left: false, work: true, other: true} {
		if _, err := os.Lstat(path); (err == nil) != want {
			t.Errorf("%s is there: %v", path, err == nil)
		}
	}
	if err := remove(); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(work); err == nil {
		t.Errorf("%s is not removed", work)
	}
}

// Given many who make directories and remove them, all at once, nobody's sweep is in
// the way of another's removal.
func TestMakeWorkAtOnce(t *testing.T) {
	dir := t.TempDir()
	var group errgroup.Group
	for range 8 {
		group.Go(func() error {
			for range 200 {
				work, remove, err := makeWork(dir, "made-")
				if err == nil {
					err = os.WriteFile(filepath.Join(work, "file"), nil, 0o600)
				}
				if err = errors.Join(err, remove()); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		t.Error(err)
	}
	if left, err := filepath.Glob(filepath.Join(dir, "made-*")); err != nil || len(left) != 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}
