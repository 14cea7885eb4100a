package action

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Given files of an image, a file is copied, and what is none is refused without
// being opened.
func TestCopyFrom(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "file"), []byte("content"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mkfifo(filepath.Join(dir, "pipe"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/etc/passwd", filepath.Join(dir, "outside")); err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	for name, want := range map[string]string{"/file": "content", "/../file": "content", "/pipe": "", "/outside": "", "/none": "", "/": ""} {
		done := make(chan struct{})
		go func() {
			defer close(done)
			var out bytes.Buffer
			err := copyFrom(root, name, "-", &out)
			if out.String() != want || (err == nil) != (want != "") {
				t.Errorf("%s: %q, %v", name, &out, err)
			}
		}()
		select {
		case <-done:
		case <-time.After(10 * time.Second):
			t.Fatalf("%s is waited for", name)
		}
	}
}
