package wasm_test

import (
	"bytes"
	"slices"
	"testing"

	"github.com/wasmfile/wasmfile/pkg/wasm"
)

// TestTypeImports: given imported instances, those that have types and nothing
// that somebody has to provide.
func TestTypeImports(t *testing.T) {
	record := cat([]byte{0x72}, list(cat(str("x"), []byte{0x79})))
	imports := func(types ...[]byte) []byte {
		var all [][]byte
		for i, name := range []string{"a:b/a@1.0.0", "a:b/b@1.0.0"}[:len(types)] {
			all = append(all, typeImport(name, 0x05, byte(i)))
		}
		return component(typeSection(types...), section(10, list(all...)))
	}
	types := instanceType(declareType(record), declareExport("r", 0x03, 0x00, 0x00))
	cases := []struct {
		name string
		file []byte
		want []string
	}{
		{"types, and a function", imports(types, instanceType(declareType(functionType()), declareExport("f", 0x01, 0x00))), []string{"a:b/a@1.0.0"}},
		{"types, and a resource", imports(types, instanceType(declareExport("r", 0x03, 0x01))), []string{"a:b/a@1.0.0"}},
		{"an instance in an instance", imports(instanceType(declareType(types), declareExport("i", 0x05, 0x00))), nil},
		{"a function", component(typeSection(functionType()), section(10, list(typeImport("f", 0x01, 0)))), nil},
		{"a module", module(), nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, err := wasm.TypeImports(bytes.NewReader(c.file), int64(len(c.file)))
			if err != nil || !slices.Equal(got, c.want) {
				t.Errorf("%q (%v), not %q", got, err, c.want)
			}
		})
	}
	if _, err := wasm.TypeImports(bytes.NewReader([]byte("text")), 4); err == nil {
		t.Error("text is taken for a component")
	}
}
