package rootless_test

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/wasmfile/wasmfile/nerdctlplugin/rootless"
)

// TestRunning: given what RootlessKit leaves in its directory, it runs only when
// the process that it names does.
func TestRunning(t *testing.T) {
	const noProcess = 1 << 30
	for name, c := range map[string]struct {
		files   map[string]string
		running bool
	}{
		"nothing":              {nil, false},
		"no process yet":       {map[string]string{"lock": ""}, false},
		"a process that ended": {map[string]string{"child_pid": strconv.Itoa(noProcess)}, false},
		"not a number":         {map[string]string{"child_pid": "x"}, false},
		"a process":            {map[string]string{"child_pid": strconv.Itoa(os.Getpid())}, true},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			t.Setenv("XDG_RUNTIME_DIR", dir)
			t.Setenv("ROOTLESSKIT_STATE_DIR", "")
			state := filepath.Join(dir, "containerd-rootless")
			if c.files != nil {
				if err := os.Mkdir(state, 0o700); err != nil {
					t.Fatal(err)
				}
			}
			for file, content := range c.files {
				if err := os.WriteFile(filepath.Join(state, file), []byte(content), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			err := rootless.Running()
			if c.running != (err == nil) || err != nil && !errors.Is(err, rootless.ErrNotRunning) {
				t.Errorf("it says %v", err)
			}
		})
	}
}
