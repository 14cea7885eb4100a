package executable_test

import (
	"os"
	"strings"
	"testing"

	"github.com/wasmfile/wasmfile/pkg/executable"
)

// TestFiles: given the files of an image, those that are WebAssembly, whatever their
// names, and none by a link or outside.
func TestFiles(t *testing.T) {
	root, err := os.OpenRoot(hostileRoot(t))
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	found, err := executable.Files(root)
	if got := strings.Join(found, " "); err != nil || got != "app.wasm bin/app.wasm sh srv/app" {
		t.Errorf("%q, %v", got, err)
	}
}
