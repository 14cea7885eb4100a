package e2e

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// atScale asks for the tests that take minutes.
func atScale(t *testing.T) {
	t.Helper()
	if os.Getenv("WASMFILE_TEST_SCALE") == "" {
		t.Skip("takes minutes; run it by `make test-scale`")
	}
}

// padded writes the greet component with a custom section of size bytes, the
// first of which make it differ from others.
func padded(t *testing.T, path string, n int, size int64) {
	t.Helper()
	greet, err := os.ReadFile(filepath.Join(example("greet"), "greet.wasm"))
	if err != nil {
		t.Fatal(err)
	}
	content := binary.LittleEndian.AppendUint64([]byte("\x07padding"), uint64(n))
	head := append(binary.AppendUvarint(append(greet, 0), uint64(size)), content...)
	if err := os.WriteFile(path, head, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, int64(len(head)-len(content))+size); err != nil {
		t.Fatal(err)
	}
}

// manyComponents makes a context with that many components of 10 KB.
func manyComponents(t *testing.T, count int, wasmfile string) string {
	t.Helper()
	dir := t.TempDir()
	for i := range count {
		padded(t, filepath.Join(dir, fmt.Sprintf("c%04d.wasm", i)), i, 8<<10)
	}
	if err := os.WriteFile(filepath.Join(dir, "Wasmfile"), []byte(wasmfile), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestManyComponents: given 2,000 components by one wildcard, there is an
// artifact of them all.
func TestManyComponents(t *testing.T) { buildMany(t) }

func buildMany(t *testing.T) (layout string) {
	t.Helper()
	const count = 2000
	dir := manyComponents(t, count, "FROM scratch\nCOMPONENT *.wasm\nENTRYPOINT [\"c1234\"]\n")
	layout = build{builder: buildkitBuilder(), dir: dir}.layout(t)
	if got := len(layers(t, layout)); got != count {
		t.Fatalf("%d layers, not %d", got, count)
	}
	return layout
}

// TestManyComponentsRun: given an artifact of 2,000 components, it can be
// pushed, pulled and run.
func TestManyComponentsRun(t *testing.T) {
	atScale(t)
	layout, ref := buildMany(t), registry()+"/e2e/many:latest"
	must(t, "nerdctl", "wasm", "push", layout, ref)
	must(t, "nerdctl", "wasm", "pull", "-q", ref)
	defer try(t, "nerdctl", "rmi", "-f", ref)
	if out := must(t, "nerdctl", "wasm", "run", "--rm", "--net", "none", ref); !strings.Contains(out, "Hello") {
		t.Errorf("it prints %q", out)
	}
}

// TestManyLines: given 200 COMPONENT lines, there is an artifact of them all.
func TestManyLines(t *testing.T) {
	atScale(t)
	const count = 200
	var text strings.Builder
	text.WriteString("FROM scratch\n")
	for i := range count {
		fmt.Fprintf(&text, "COMPONENT c%04d.wasm\n", i)
	}
	dir := manyComponents(t, count, text.String()+"ENTRYPOINT [\"c0000\"]\n")
	if got := len(layers(t, build{builder: buildkitBuilder(), dir: dir}.layout(t))); got != count {
		t.Errorf("%d layers, not %d", got, count)
	}
}

// TestLargeFiles: given a component of a gigabyte and static files of 200 MB,
// there is an artifact with both.
func TestLargeFiles(t *testing.T) {
	atScale(t)
	dir := manyComponents(t, 0, "FROM scratch\nCOMPONENT large.wasm\nCOPY static /static/\n")
	padded(t, filepath.Join(dir, "large.wasm"), 0, 1<<30)
	if err := os.Mkdir(filepath.Join(dir, "static"), 0o755); err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		if err := os.WriteFile(filepath.Join(dir, "static", fmt.Sprint(i)), make([]byte, 10<<20), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got := len(layers(t, build{builder: buildkitBuilder(), dir: dir}.layout(t))); got != 2 {
		t.Errorf("%d layers, not 2", got)
	}
}
