package engine

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// updatable is an executable of an engine that can be replaced.
type updatable struct{ state, path string }

func newUpdatable(t *testing.T) updatable {
	t.Helper()
	u := updatable{state: t.TempDir(), path: filepath.Join(t.TempDir(), executableName)}
	u.release(t, "")
	return u
}

// release makes the executable another one, the same for the same mark.
func (u updatable) release(t *testing.T, mark string) {
	t.Helper()
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	next := u.path + ".next"
	if err := os.WriteFile(next, append(self, mark...), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(next, u.path); err != nil {
		t.Fatal(err)
	}
}

func (u updatable) install(t *testing.T) *Engine {
	t.Helper()
	e, err := Install(t.Context(), u.state, u.path, "code", runDirectly)
	if err != nil {
		t.Fatal(err)
	}
	if !isThere(e) {
		t.Fatalf("%s is not there", e.Dir)
	}
	return e
}

func isThere(e *Engine) bool {
	_, err := os.Stat(e.program(e.Dir)[0])
	return err == nil
}

// Given an executable that is replaced, its engine is removed as soon as nobody uses
// it, and not before.
func TestCollectReplaced(t *testing.T) {
	u := newUpdatable(t)
	first, second := u.install(t), u.install(t)
	first.Release()
	if !isThere(first) {
		t.Fatal("an engine that another container uses is removed")
	}
	u.release(t, "new")
	third := u.install(t)
	if third.Digest == second.Digest || !isThere(second) {
		t.Fatal("the engine of a container that runs is removed, or not replaced")
	}
	second.Release()
	if isThere(second) {
		t.Error("an engine that nobody uses any more is left")
	}
	third.Release()
	if !isThere(third) {
		t.Error("the engine of the executable is removed")
	}
	u.release(t, "")
	again := u.install(t)
	if again.Digest != first.Digest {
		t.Error("an earlier executable gives another engine than before")
	}
	if isThere(third) {
		t.Error("the engine that was in between is left")
	}
}

// Given an executable that is removed, and one at another path, the engine of the
// first is removed, and that of a second executable which is still there is not.
func TestCollectMoved(t *testing.T) {
	u := newUpdatable(t)
	other := updatable{state: u.state, path: filepath.Join(t.TempDir(), "another")}
	other.release(t, "other")
	first, kept := u.install(t), other.install(t)
	kept.Release()
	if err := os.Remove(u.path); err != nil {
		t.Fatal(err)
	}
	first.Release()
	if isThere(first) || !isThere(kept) {
		t.Error("not the engine whose executable is gone was removed")
	}
	if left, err := filepath.Glob(filepath.Join(u.state, enginesDir, byFileDir, "*")); err != nil || len(left) != 1 {
		t.Errorf("what is known of executables is %v, %v", left, err)
	}
}

// Given an engine that was left when the shim of its last container was killed, the
// next engine that is installed removes it.
func TestCollectLeft(t *testing.T) {
	u := newUpdatable(t)
	killed := u.install(t)
	u.release(t, "new")
	if err := killed.use.Close(); err != nil {
		t.Fatal(err)
	}
	u.install(t).Release()
	if isThere(killed) {
		t.Error("it is left")
	}
	if left, err := filepath.Glob(filepath.Join(u.state, enginesDir, newPrefix+"*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// Given containers that start and end while the executable goes back and forth, each
// has its engine as long as it runs.
func TestCollectAtOnce(t *testing.T) {
	// Written before anything is started: a child that is just being forked has what is
	// open for writing, which then cannot be executed.
	one, another := newUpdatable(t), newUpdatable(t)
	another.release(t, "another")
	u := updatable{state: one.state, path: one.path + ".current"}
	become := func(path string) {
		next := u.path + ".next"
		if err := errors.Join(os.Link(path, next), os.Rename(next, u.path)); err != nil {
			t.Error(err)
		}
	}
	become(one.path)
	done := make(chan struct{})
	for range 4 {
		go func() {
			defer func() { done <- struct{}{} }()
			for range 8 {
				e, err := Install(t.Context(), u.state, u.path, "code", runDirectly)
				if err != nil {
					t.Error(err)
					return
				}
				if !isThere(e) {
					t.Errorf("%s is removed under a container", e.Dir)
				}
				e.Release()
			}
		}()
	}
	for range 8 {
		become(another.path)
		become(one.path)
	}
	for range 4 {
		<-done
	}
}
