package filelock

import (
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
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

// Given many who remove the lock that they had, one has it at a time, and nothing is
// left.
func TestRemove(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	var has atomic.Int32
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 200 {
				f, err := Wait(path)
				if err != nil {
					t.Error(err)
					return
				}
				if n := has.Add(1); n != 1 {
					t.Errorf("%d have the lock", n)
				}
				has.Add(-1)
				if err := Remove(f); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if _, err := os.Lstat(path); err == nil {
		t.Error("the file is left")
	}
}

// Given a file that somebody else has open, too, as a process does that is just being
// started, another has the lock as soon as it is released.
func TestRelease(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	first, err := Try(path)
	if err != nil || first == nil {
		t.Fatalf("a free lock is not taken: %v", err)
	}
	started, err := syscall.Dup(int(first.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(started)
	if err := Release(first); err != nil {
		t.Fatal(err)
	}
	second, err := Try(path)
	if err != nil || second == nil {
		t.Fatalf("it is still held: %v", err)
	}
	if err := second.Close(); err != nil {
		t.Error(err)
	}
}

// Given a directory whose lock some share, nobody has it alone until the last of them
// lets it go; one that is not there is an error.
func TestShare(t *testing.T) {
	dir := t.TempDir()
	var shared [2]*os.File
	for i := range shared {
		f, err := Share(dir)
		if err != nil {
			t.Fatal(err)
		}
		shared[i] = f
	}
	for _, f := range shared {
		if alone, err := TryAlone(dir); err != nil || alone != nil {
			t.Errorf("one has alone what another shares, or %v", err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	alone, err := TryAlone(dir)
	if err != nil || alone == nil {
		t.Fatalf("a free lock is not taken: %v", err)
	}
	if err := Remove(alone); err != nil {
		t.Fatal(err)
	}
	for name, take := range map[string]func(string) (*os.File, error){"Share": Share, "TryAlone": TryAlone} {
		if _, err := take(dir); !os.IsNotExist(err) {
			t.Errorf("%s of what is not there gives %v", name, err)
		}
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
