package wasmfile_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestFuzzTriesAgain: given a fuzz target that fails because its time is over,
// test/fuzz.sh runs it again; given one that has found an input, or that cannot be built,
// it fails at once.
func TestFuzzTriesAgain(t *testing.T) {
	const deadline = "--- FAIL: FuzzX (30.84s)\n    context deadline exceeded\nFAIL\n"
	for name, c := range map[string]struct {
		says        string // by go test
		fails, runs int    // how often it fails first, and is run
	}{
		"it passes":             {"PASS\n", 0, 1},
		"its time was over":     {deadline, 1, 2},
		"it is always over":     {deadline, 9, 3},
		"it has found an input": {"    Failing input written to testdata/fuzz/FuzzX/1\n" + deadline, 9, 1},
		"it cannot be built":    {"undefined: x\n", 9, 1},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			goTest := fmt.Sprintf("#!/bin/sh\ncd %s && echo >>runs\nprintf '%%b' %q\ntest $(wc -l <runs) -gt %d\n", dir, c.says, c.fails)
			if err := os.WriteFile(filepath.Join(dir, "go"), []byte(goTest), 0o755); err != nil {
				t.Fatal(err)
			}
			fuzz := exec.CommandContext(t.Context(), "test/fuzz.sh", "./pkg/x", "FuzzX", "30s")
			fuzz.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"))
			out, err := fuzz.CombinedOutput()
			runs, readErr := os.ReadFile(filepath.Join(dir, "runs"))
			if readErr != nil || strings.Count(string(runs), "\n") != c.runs || (err == nil) != (c.fails < c.runs) {
				t.Errorf("it was run %d times, not %d: %v (%v)\n%s", len(runs), c.runs, err, readErr, out)
			}
		})
	}
}
