package codecache

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"
)

func TestLock(t *testing.T) {
	dir := t.TempDir()
	unlock, err := lock(t.Context(), dir, "a")
	if err != nil {
		t.Fatal(err)
	}
	if other, err := lock(t.Context(), dir, "b"); err != nil {
		t.Fatal(err)
	} else {
		other()
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*lockPoll)
	defer cancel()
	if _, err := lock(ctx, dir, "a"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a lock that is held gives %v", err)
	}
	time.AfterFunc(lockPoll, unlock)
	again, err := lock(t.Context(), dir, "a")
	if err != nil {
		t.Fatal(err)
	}
	again()
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left are %v, %v", left, err)
	}
}
