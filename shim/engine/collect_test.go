package engine

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"github.com/wasmfile/wasmfile/shim/filelock"
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

// Given a process that is just being started when the last container ends, and has what
// the shim has open, the engine is removed.
func TestCollectWhileStarting(t *testing.T) {
	u := newUpdatable(t)
	last := u.install(t)
	u.release(t, "new")
	started, err := unix.Dup(int(last.use.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(started)
	last.Release()
	if isThere(last) {
		t.Error("it is left")
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

// unpublished makes an engine without files in a directory to work in.
func unpublished(engines, digest string) (tmp string, remove func() error, err error) {
	work, remove, err := makeWork(engines, newPrefix)
	if err != nil {
		return "", remove, err
	}
	tmp = filepath.Join(work, "engine")
	record, err := json.Marshal(&Engine{Digest: digest})
	return tmp, remove, errors.Join(err, os.Mkdir(tmp, 0o755), os.WriteFile(filepath.Join(tmp, recordName), record, 0o644))
}

// publishes publishes an engine, says whether it is the one that is there, and discards
// it.
func publishes(engines, digest string) error {
	tmp, remove, err := unpublished(engines, digest)
	if err != nil {
		return errors.Join(err, remove())
	}
	dir := filepath.Join(engines, digest)
	e, err := (&Engine{}).publish(tmp, dir)
	if err := errors.Join(err, remove()); err != nil {
		return err
	}
	used, err := e.use.Stat()
	if err != nil {
		return err
	}
	if there, err := os.Stat(dir); err != nil || !os.SameFile(used, there) {
		return fmt.Errorf("an engine is removed under a container: %v", err)
	}
	if err := e.use.Close(); err != nil {
		return err
	}
	discard(dir)
	return nil
}

// Given many who publish the same engine, and discard it when nobody uses it, each has
// it as long as it uses it.
func TestPublishAtOnce(t *testing.T) {
	engines := t.TempDir()
	var group errgroup.Group
	for range 8 {
		group.Go(func() error {
			for range 100 {
				if err := publishes(engines, strings.Repeat("0", 64)); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		t.Error(err)
	}
}

// Given a damaged engine, which another replaces meanwhile, that one is used and stays.
func TestPublishAfterAnother(t *testing.T) {
	engines, digest := t.TempDir(), strings.Repeat("0", 64)
	dir := filepath.Join(engines, digest)
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	var made [2]string
	for i := range made {
		tmp, remove, err := unpublished(engines, digest)
		if err != nil {
			t.Fatal(err)
		}
		defer remove()
		made[i] = tmp
	}
	another, err := filelock.Wait(filepath.Join(engines, lockName))
	if err != nil {
		t.Fatal(err)
	}
	var mine *Engine
	published := make(chan error, 1)
	go func() {
		var err error
		mine, err = (&Engine{}).publish(made[0], dir)
		published <- err
	}()
	select {
	case <-published:
		t.Fatal("two publish at a time")
	case <-time.After(100 * time.Millisecond):
	}
	if err := errors.Join(os.Remove(dir), os.Rename(made[1], dir)); err != nil {
		t.Fatal(err)
	}
	first, err := os.Stat(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := another.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-published; err != nil {
		t.Fatal(err)
	}
	used, err := mine.use.Stat()
	if err != nil || !os.SameFile(used, first) {
		t.Errorf("the other's engine is not the one that is used: %v", err)
	}
}
