// Package layouttest writes an OCI image layout for tests of what reads one.
package layouttest

import (
	"os"
	"path/filepath"
	"testing"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/wasmfile/wasmfile/pkg/layoutwriter"
	"github.com/wasmfile/wasmfile/pkg/wasm"
)

// EmptyModule is the smallest core module.
const EmptyModule = "\x00asm\x01\x00\x00\x00"

// Write makes a layout in a directory, of an artifact with one component,
// empty.wasm, whose content nobody checks. It returns the manifest's descriptor.
func Write(t *testing.T, dir, content string) ocispec.Descriptor {
	t.Helper()
	file := filepath.Join(t.TempDir(), "empty.wasm")
	if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	manifest, err := layoutwriter.Write(dir, layoutwriter.Source{Components: []layoutwriter.Component{
		{Name: "empty.wasm", Path: file, Info: &wasm.Info{Kind: wasm.KindModule}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	return manifest
}
