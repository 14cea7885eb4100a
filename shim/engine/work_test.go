package engine

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
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
