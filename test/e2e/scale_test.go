package e2e

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// padded writes the greet component with a custom section of size bytes, the
// first of which make it differ from others.
func padded(t *testing.T, path string, n int, size int64) {
	t.Helper()
	content := binary.LittleEndian.AppendUint64([]byte("\x07padding"), uint64(n))
	head := append(binary.AppendUvarint(append([]byte(greetWasm(t)), 0), uint64(size)), content...)
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
	onlyBy(t, "test-scale")
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
	onlyBy(t, "test-scale")
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
	onlyBy(t, "test-scale")
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

// TestLargeCompilations: given components of 50 MB, of code or of data, and
// of many functions, they are compiled within the limits and run. It logs what
// that takes.
func TestLargeCompilations(t *testing.T) {
	onlyBy(t, "test-scale")
	t.Log("| module | MB | code MB | compile s | CPU s | memory MB | run s |")
	for _, c := range []struct {
		name   string
		module func() []byte
	}{
		{"1,000 functions of 300 operations", func() []byte { return manyFunctions(1_000, 300) }},
		{"10,000 functions of 300 operations", func() []byte { return manyFunctions(10_000, 300) }},
		{"100,000 functions of 10 operations", func() []byte { return manyFunctions(100_000, 10) }},
		{"55,000 functions of 300 operations", func() []byte { return manyFunctions(55_000, 300) }},
		{"1 function, 50 MB of data", func() []byte { return withData(50 << 20) }},
	} {
		module := neverSeen(c.module())
		size := float64(len(module)) / 1e6
		ref, namespace, wasm, _ := pulled(t, module)
		defer removeNamespace(t, namespace)
		// What a process has at most counts what its parent had when it forked.
		module = nil
		debug.FreeOSMemory()
		compile := wasm("precompile", ref)
		begun := time.Now()
		cmd := exec.Command(compile[0], compile[1:]...)
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		took := time.Since(begun)
		usage := cmd.ProcessState.SysUsage().(*syscall.Rusage)
		var name string
		var code int
		if _, err := fmt.Sscanf(string(out), "%s %d", &name, &code); err != nil {
			t.Fatalf("%q: %v", out, err)
		}
		begun = time.Now()
		must(t, wasm("run", "--rm", "-q", "--net", "none", ref)...)
		t.Logf("| %s | %.1f | %.1f | %.1f | %.1f | %d | %.1f |", c.name, size, float64(code)/1e6, took.Seconds(),
			(cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds(), usage.Maxrss>>10, time.Since(begun).Seconds())
	}
}

// withData is a core module that does nothing, with a data segment of that many bytes.
func withData(size int) []byte {
	module := manyFunctions(0, 0)
	// The memory is the third section; one that holds the data takes its place.
	pages := binary.AppendUvarint(nil, uint64(size>>16)+1)
	memory := append([]byte{1, 0}, pages...)
	old := []byte{5, 3, 1, 0, 1}
	module = bytes.Replace(module, old, append([]byte{5, byte(len(memory))}, memory...), 1)
	segment := append([]byte{1, 0, 0x41, 0, 0x0b}, binary.AppendUvarint(nil, uint64(size))...)
	data := append(segment, bytes.Repeat([]byte{7}, size)...)
	return slices.Concat(module, []byte{11}, binary.AppendUvarint(nil, uint64(len(data))), data)
}
