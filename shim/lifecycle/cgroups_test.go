package lifecycle

import (
	"os"
	"path/filepath"
	"testing"
)

// Empty cgroups go, in each hierarchy there is; others, and what is not
// below the container's own path, stay.
func TestRemoveCgroups(t *testing.T) {
	for _, c := range []struct {
		name, path string
		made       []string
		kept       []string
		fails      bool
	}{
		{"version 1", "/default/c", []string{"cpu/default/c", "pids/default/c", "memory/default"}, []string{"cpu/default", "memory/default"}, false},
		{"version 2", "/default/c", []string{"cgroup.controllers", "default/c"}, []string{"default"}, false},
		{"one in use", "/default/c", []string{"cpu/default/c/child", "pids/default/c"}, []string{"cpu/default/c/child"}, true},
		{"one that is not absolute", "default/c", []string{"cpu/default/c"}, []string{"cpu/default/c"}, false},
		{"systemd's", "a.slice:p:c", []string{"cpu/a.slice:p:c"}, []string{"cpu/a.slice:p:c"}, false},
		{"all", "/", []string{"cpu"}, []string{"cpu"}, false},
		{"above", "/../x", []string{"cpu/x"}, nil, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			mount := t.TempDir()
			for _, dir := range c.made {
				if err := os.MkdirAll(filepath.Join(mount, dir), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			if err := removeCgroups(mount, c.path, removeFor); (err != nil) != c.fails {
				t.Error(err)
			}
			for _, dir := range c.kept {
				if _, err := os.Stat(filepath.Join(mount, dir)); err != nil {
					t.Error(err)
				}
			}
			if left, _ := filepath.Glob(filepath.Join(mount, "pids", "default", "c")); len(left) > 0 {
				t.Errorf("left: %s", left)
			}
		})
	}
}
