package containers

import (
	"os"
	"path/filepath"
	"testing"
)

// TestRemoveState: given the ID of a container, its directory goes; what is no ID, as in
// the file of a name that was cut short, takes nobody's.
func TestRemoveState(t *testing.T) {
	data := t.TempDir()
	dir := filepath.Join(data, "containers", "default", "one")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"", ".", "..", "../default", "two"} {
		if err := removeState(data, id, "default"); err != nil {
			t.Errorf("%q: %v", id, err)
		}
		if _, err := os.Stat(dir); err != nil {
			t.Fatalf("%q: %v", id, err)
		}
	}
	if err := removeState(data, "one", "default"); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("its directory: %v", err)
	}
}
