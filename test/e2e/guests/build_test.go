package guests_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/wasmfile/wasmfile/pkg/wasm"
	"github.com/wasmfile/wasmfile/test/e2e/guests"
)

// TestGuestsAreWhatTheySay: given the guests, they are of the kind and the
// WASI that the tests take them for, and every truncation of one is found.
func TestGuestsAreWhatTheySay(t *testing.T) {
	paths, err := guests.Build(t.Context(), filepath.Join(os.Getenv("SANDBOX_DIR"), "guests"))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]wasm.Info{
		"probe.module":    {Kind: wasm.KindModule, WASI: 1},
		"probe.component": {Kind: wasm.KindComponent, WASI: 2},
		"newest":          {Kind: wasm.KindComponent, WASI: 3},
	} {
		file, err := os.Open(paths[name])
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		stat, err := file.Stat()
		if err != nil {
			t.Fatal(err)
		}
		got, err := wasm.Parse(file, stat.Size())
		if err != nil || got.Kind != want.Kind || got.WASI != want.WASI || !got.RunsAsCommand() {
			t.Errorf("%s is %+v (%v)", name, got, err)
		}
		for size := int64(1); size < stat.Size(); size += 1 + stat.Size()/50 {
			if _, err := wasm.Parse(file, size); err == nil {
				t.Errorf("%s cut to %d bytes of %d is accepted", name, size, stat.Size())
			}
		}
	}
}
