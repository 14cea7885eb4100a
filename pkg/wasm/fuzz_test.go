package wasm_test

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"github.com/wasmfile/wasmfile/pkg/wasm"
)

// FuzzParse: whatever a file holds, it is read at most once, and refused with a
// place in it or described by what is in it.
func FuzzParse(f *testing.F) {
	for _, file := range [][]byte{module(), component(), command, cli, server, newServer, library, []byte("(module)")} {
		f.Add(file)
	}
	for _, file := range realFiles(f) {
		f.Add(file)
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		source := &counted{source: bytes.NewReader(file)}
		info, err := wasm.Parse(source, int64(len(file)))
		if source.again || source.bytes > int64(len(file)) {
			t.Fatalf("%d bytes read of %d, in part twice: %t", source.bytes, len(file), source.again)
		}
		if err != nil {
			var formatError *wasm.FormatError
			if !errors.As(err, &formatError) {
				t.Fatalf("%T: %v", err, err)
			}
			if formatError.Offset < 0 || formatError.Offset > int64(len(file)) {
				t.Fatalf("offset %d in %d bytes", formatError.Offset, len(file))
			}
			return
		}
		if info.Kind != wasm.KindModule && info.Kind != wasm.KindComponent {
			t.Fatalf("kind %q", info.Kind)
		}
		if info.DebugSize > int64(len(file)) {
			t.Fatalf("%d bytes for debugging in %d", info.DebugSize, len(file))
		}
		for _, names := range [][]string{info.Imports, info.Exports} {
			if !slices.IsSorted(names) || len(slices.Compact(slices.Clone(names))) != len(names) {
				t.Fatalf("names %q", names)
			}
			for _, name := range names {
				if len(name) > len(file) {
					t.Fatalf("a name of %d bytes in %d", len(name), len(file))
				}
			}
		}
	})
}
