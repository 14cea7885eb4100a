package output

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// Given a write that fails, the file that was there before is as it was, and
// nothing lies beside it; given one that succeeds, the file is the new one, where
// a link to it leads.
func TestFileIsReplacedWhole(t *testing.T) {
	dir := t.TempDir()
	name, link := filepath.Join(dir, "archive.tar"), filepath.Join(dir, "link.tar")
	if err := errors.Join(os.WriteFile(name, []byte("old"), 0o600), os.Symlink(name, link)); err != nil {
		t.Fatal(err)
	}
	failed := errors.New("no more bytes")
	for _, c := range []struct {
		err  error
		want string
	}{{failed, "old"}, {nil, "new"}} {
		err := ToFile(link, nil, func(out io.Writer) error {
			_, err := io.WriteString(out, "new")
			return errors.Join(err, c.err)
		})
		if !errors.Is(err, c.err) {
			t.Fatalf("toFile returns %v", err)
		}
		content, err := os.ReadFile(name)
		if err != nil || string(content) != c.want {
			t.Errorf("the file holds %q, %v; want %q", content, err, c.want)
		}
		if entries, err := os.ReadDir(dir); err != nil || len(entries) != 2 {
			t.Errorf("there are %v, %v", entries, err)
		}
	}
}

// A device, such as /dev/stdout, is written to and not replaced.
func TestDeviceIsNotReplaced(t *testing.T) {
	if err := ToFile(os.DevNull, nil, func(out io.Writer) error { _, err := io.WriteString(out, "x"); return err }); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(os.DevNull); err != nil || info.Mode()&os.ModeDevice == 0 {
		t.Errorf("%s is %v, %v", os.DevNull, info, err)
	}
}
