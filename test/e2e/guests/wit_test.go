package guests_test

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/wasmfile/wasmfile/pkg/wasm"
	"github.com/wasmfile/wasmfile/test/e2e/guests"
)

// TestWITIsUnderstood: given the WIT that is read from a component, the
// WebAssembly tools make a component of it, which has the same WIT again but for
// the order of definitions.
func TestWITIsUnderstood(t *testing.T) {
	built, err := guests.Build(t.Context(), guests.CacheDir())
	if err != nil {
		t.Fatal(err)
	}
	paths := maps.Clone(built)
	tools, err := guests.Tools(t.Context(), guests.CacheDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"types", "greet", "http"} {
		paths[name] = filepath.Join("..", "..", "..", "pkg", "wasm", "testdata", name+".wasm")
	}
	for name, path := range paths {
		if slices.Contains([]string{"probe.module", "wide", "pages", "sleep", "spin"}, name) {
			continue // core modules
		}
		t.Run(name, func(t *testing.T) {
			before := readWIT(t, path)
			source, again := filepath.Join(t.TempDir(), "world.wit"), filepath.Join(t.TempDir(), "again.wasm")
			if err := os.WriteFile(source, []byte(before), 0o644); err != nil {
				t.Fatal(err)
			}
			if err := tools.Dummy(t.Context(), source, "root", again); err != nil {
				t.Fatalf("%v\n%s", err, before)
			}
			if after := readWIT(t, again); !slices.Equal(sortedLines(after), sortedLines(before)) {
				t.Errorf("the WIT becomes\n%s\nand was\n%s", after, before)
			}
		})
	}
}

func sortedLines(text string) []string {
	lines := slices.Sorted(strings.Lines(text))
	return slices.DeleteFunc(lines, func(line string) bool { return line == "\n" })
}

func readWIT(t *testing.T, path string) string {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	stat, err := file.Stat()
	if err != nil {
		t.Fatal(err)
	}
	text, err := wasm.WIT(file, stat.Size(), "root")
	if err != nil {
		t.Fatal(err)
	}
	return text
}
