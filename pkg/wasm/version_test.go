package wasm_test

import (
	"testing"

	"github.com/wasmfile/wasmfile/pkg/wasm"
)

func TestTracks(t *testing.T) {
	for version, want := range map[string]string{
		"1.2.3": "1", "10.0.0": "10", "0.2.3": "0.2", "0.0.3": "0.0.3", "0.0.0": "0.0.0",
		"1": "1", "0.2": "0.2", "1.0.0-rc.1": "1.0.0-rc.1", "0.3.0-draft+x": "0.3.0-draft", "1.0.0+build-1": "1", "": "",
	} {
		if got := wasm.Track(version); got != want {
			t.Errorf("%q is compatible with %q, not %q", version, got, want)
		}
	}
}
