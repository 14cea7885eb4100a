package assemble_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/wasmfile/wasmfile/frontend/assemble"
	"github.com/wasmfile/wasmfile/pkg/artifact"
)

// dirsVariable tells the test's own executable to do the step on the
// directories in it, and to print the most memory that it had.
const dirsVariable = "WASMFILE_TEST_ASSEMBLE"

func TestMain(m *testing.M) {
	dirs := filepath.SplitList(os.Getenv(dirsVariable))
	if len(dirs) != 4 {
		os.Exit(m.Run())
	}
	err := assemble.Run(assemble.Dirs{Input: dirs[0], Components: dirs[1], Spec: dirs[2], Output: dirs[3]}, &bytes.Buffer{})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	_, peak, _ := strings.Cut(string(status), "VmHWM:")
	fmt.Println(strings.Fields(peak)[0])
}

// padded is a component with imports and exports, made different from others
// and larger by a custom section of size bytes.
func padded(t *testing.T, n, size int) string {
	t.Helper()
	greet, err := os.ReadFile(filepath.Join("..", "..", "examples", "greet", "greet.wasm"))
	if err != nil {
		t.Fatal(err)
	}
	content := append([]byte("\x07padding"), make([]byte, size-8)...)
	binary.LittleEndian.PutUint64(content[8:], uint64(n))
	return string(append(binary.AppendUvarint(append(greet, 0), uint64(size)), content...))
}

// TestMemory: given 2,000 components, a large one and large files, the step
// needs less than 64 MB.
func TestMemory(t *testing.T) {
	const (
		components = 2000
		large      = 1 << 30
		files      = 64
		limit      = 64 << 10 // KiB
	)
	contents := make(map[string]string)
	for i := range components {
		contents[fmt.Sprintf(".wasmfile/0001/files/%04d.wasm", i)] = padded(t, i, 8<<10)
	}
	contents[".wasmfile/0002/as/large/large.wasm"] = module + "\x00" + string(binary.AppendUvarint(nil, large)) + "\x00"
	for i := range files {
		contents[fmt.Sprintf("static/%d", i)] = strings.Repeat(strconv.Itoa(i), 500_000)
	}
	dirs := step(t, contents, assemble.Spec{Components: make([]assemble.ComponentSpec, 2), Config: process([]string{"0001"})})
	path := filepath.Join(dirs.Components, "0002/as/large/large.wasm")
	size := int64(len(module)+1+len(binary.AppendUvarint(nil, large))) + large
	if err := os.Truncate(path, size); err != nil { // all of it is a hole
		t.Fatal(err)
	}

	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), dirsVariable+"="+strings.Join([]string{dirs.Input, dirs.Components, dirs.Spec, dirs.Output}, string(filepath.ListSeparator)))
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, &stderr)
	}
	peak, err := strconv.Atoi(strings.TrimSpace(string(out)))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d KiB", peak)
	if peak > limit {
		t.Errorf("the step needs %d KiB, the limit is %d", peak, limit)
	}
	if got := len(readManifest(t, dirs.Output).Layers); got != components+2 {
		t.Errorf("%d layers, not %d", got, components+2)
	}
}

// TestTooMuchToSay: given components with more names than a config can hold,
// the user is told so, whether names or what is around them are too many.
func TestTooMuchToSay(t *testing.T) {
	exporting := func(names, length int) string {
		var list []byte
		for i := range names {
			list = binary.AppendUvarint(list, uint64(length))
			list = append(list, fmt.Sprintf("%0*d", length, i)...)
			list = append(list, 0, 0)
		}
		list = append(binary.AppendUvarint(nil, uint64(names)), list...)
		return module + "\x07" + string(binary.AppendUvarint(nil, uint64(len(list)))) + string(list)
	}
	for name, c := range map[string]struct {
		content string
		says    string
	}{
		"long names": {exporting(2000, 4000), "the names of the imports and exports of 1 components have 8000000 bytes"},
		"many names": {exporting(95_000, 40), "fewer components, or of some with fewer imports and exports"},
	} {
		t.Run(name, func(t *testing.T) {
			dirs := step(t, map[string]string{".wasmfile/0001/files/a.wasm": c.content}, assemble.Spec{Components: make([]assemble.ComponentSpec, 1)})
			if err := assemble.Run(dirs, &bytes.Buffer{}); err != nil {
				t.Fatal(err)
			}
			if problem := problemOf(t, dirs); !strings.Contains(problem.Message, c.says) || problem.Subject != assemble.SubjectComponent {
				t.Errorf("the message does not say %q: %s", c.says, problem.Message)
			}
		})
	}
}

// TestMostComponents: given as many components as an artifact may have, there
// is a layout; given one more, the user is told the limit.
func TestMostComponents(t *testing.T) {
	contents := make(map[string]string)
	for i := range artifact.MaxLayers - 1 {
		contents[fmt.Sprintf(".wasmfile/0001/files/%04d.wasm", i)] = module
	}
	contents["etc/motd"] = "x"
	spec := assemble.Spec{Components: make([]assemble.ComponentSpec, 1), Config: process([]string{"0001"})}
	dirs := step(t, contents, spec)
	if err := assemble.Run(dirs, &bytes.Buffer{}); err != nil {
		t.Fatal(err)
	}
	if got := len(readManifest(t, dirs.Output).Layers); got != artifact.MaxLayers {
		t.Errorf("%d layers, not %d", got, artifact.MaxLayers)
	}
	contents[".wasmfile/0001/files/more.wasm"] = module
	dirs = step(t, contents, spec)
	if err := assemble.Run(dirs, &bytes.Buffer{}); err != nil {
		t.Fatal(err)
	}
	if problem := problemOf(t, dirs); !strings.Contains(problem.Message, "4096 components, the limit is 4095") {
		t.Error(problem.Message)
	}
}
