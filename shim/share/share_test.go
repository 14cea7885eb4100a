package share

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/wasmfile/wasmfile/shim/policy/adminfile"
)

// Shims are shared when the administrator says so, and only then.
func TestWanted(t *testing.T) {
	file := filepath.Join(t.TempDir(), "shim.toml")
	t.Setenv(adminfile.Env, file)
	if Wanted() {
		t.Error("shims are shared without a file")
	}
	for text, want := range map[string]bool{
		"":                                  false,
		"[shim]\nshare = \"namespace\"\n":   true,
		"shim.share = 'namespace'":          true,
		"[shim]\nshare = \"\"\n# namespace": false,
		"[shim]\nshare = \"namespace\"\n[":  false,
		"[limits]\nshare = \"namespace\"\n": false,
	} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := Wanted(); got != want {
			t.Errorf("%q: %t", text, got)
		}
	}
	if (Settings{"pod"}).Check() == nil || (Settings{}).Check() != nil || (Settings{byNamespace}).Check() != nil {
		t.Error("values are not checked")
	}
}

// Another executable and another environment make another shim.
func TestID(t *testing.T) {
	file := filepath.Join(t.TempDir(), "shim")
	stat := func(content string) os.FileInfo {
		if err := os.WriteFile(file+".new", []byte(content), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(file+".new", file); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		return info
	}
	first := stat("first")
	id := ID(first, []string{"A=1", "B=2"})
	if got := ID(first, []string{"B=2", "A=1"}); got != id {
		t.Error("the order of variables matters")
	}
	if ID(first, []string{"A=1", "B=3"}) == id || ID(first, []string{"A=1"}) == id || ID(first, []string{"A=1\x00B=2"}) != id {
		t.Error("the environment is not told")
	}
	if ID(stat("other"), []string{"A=1", "B=2"}) == id {
		t.Error("a replaced executable is not told")
	}
}

// One has the lock, and sees what the one before noted.
func TestLock(t *testing.T) {
	path := LockPath(filepath.Join(t.TempDir(), "socket"))
	first, err := Acquire(path)
	if err != nil {
		t.Fatal(err)
	}
	got := make(chan *Lock)
	go func() {
		second, err := Acquire(path)
		if err != nil {
			t.Error(err)
		}
		got <- second
	}()
	if err := first.Use(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-got:
		t.Fatal("two have the lock")
	case <-time.After(50 * time.Millisecond):
	}
	if err := first.Release(); err != nil {
		t.Fatal(err)
	}
	second := <-got
	for since, want := range map[time.Duration]bool{0: true, Keep / 2: true, 2 * Keep: false, -2 * Keep: false} {
		at := time.Now().Add(-since)
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
		if used, err := second.Used(); err != nil || used != want {
			t.Errorf("used %s ago: %t, %v", since, used, err)
		}
	}
	if err := second.Release(); err != nil {
		t.Fatal(err)
	}
}
