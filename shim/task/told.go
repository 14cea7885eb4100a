package task

import (
	"sync"
	"time"
)

// told is what is told of one guest, its events, in their order. Its zero value is
// ready.
//
// Whoever deletes a container as soon as it has ended has runc's service send the
// events of the end and of the deletion in any order. Here, that of the deletion is
// the last.
type told struct {
	mu sync.Mutex
	// last is closed when what came last is told; nil when nothing came.
	last  <-chan struct{}
	ended bool
	// held tells of the deletion, which came before the end; nil when it did not.
	held func()
	// deleted is closed when the deletion is the next to be told; nil until
	// somebody waits for that or it is.
	deleted chan struct{}
}

// next has something told after what came before.
func (t *told) next(tell func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.queue(tell)
}

// end is next for the end of the guest, of which it has one told, and reports false for
// others: when somebody starts a guest that has ended, runc's service takes the next
// process of its number for it.
func (t *told) end(tell func()) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended {
		return false
	}
	t.queue(tell)
	t.ended = true
	t.release()
	return true
}

// deletion is next for the deletion of the guest.
func (t *told) deletion(tell func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.held = tell
	if t.ended {
		t.release()
	}
}

// waitDeleted waits until the deletion is the next to be told, which it is at the
// latest after this time, with or without an end.
func (t *told) waitDeleted(longest time.Duration) {
	t.mu.Lock()
	deleted := t.whenDeleted()
	t.mu.Unlock()
	select {
	case <-deleted:
	case <-time.After(longest):
		t.mu.Lock()
		defer t.mu.Unlock()
		t.release()
	}
}

func (t *told) whenDeleted() chan struct{} {
	if t.deleted == nil {
		t.deleted = make(chan struct{})
	}
	return t.deleted
}

func (t *told) queue(tell func()) {
	before, done := t.last, make(chan struct{})
	t.last = done
	go func() {
		defer close(done)
		if before != nil {
			<-before
		}
		tell()
	}()
}

// release has the deletion told, if it is held.
func (t *told) release() {
	if t.held == nil {
		return
	}
	t.queue(t.held)
	t.held = nil
	close(t.whenDeleted())
}
