package filelock

import (
	"os"
	"path/filepath"
	"testing"
)

// Given a lock that somebody has, Try returns at once without it, and Wait when
// it is free.
func TestOneHasTheLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	first, err := Try(path)
	if err != nil || first == nil {
		t.Fatalf("a free lock is not taken: %v", err)
	}
	if second, err := Try(path); err != nil || second != nil {
		t.Errorf("two have the lock, or %v", err)
	}
	waited := make(chan error)
	go func() {
		f, err := Wait(path)
		if err == nil {
			err = f.Close()
		}
		waited <- err
	}()
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-waited; err != nil {
		t.Error(err)
	}
}

// A link in the place of a lock is not followed: the directory may be shared.
func TestLinkIsNoLock(t *testing.T) {
	dir := t.TempDir()
	link := filepath.Join(dir, "link")
	if err := os.Symlink(filepath.Join(dir, "elsewhere"), link); err != nil {
		t.Fatal(err)
	}
	if f, err := Try(link); err == nil {
		t.Errorf("%s was followed: %v", link, f)
	}
}
