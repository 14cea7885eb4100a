package bundle_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wasmfile/wasmfile/shim/bundle"
)

// Whatever config a client writes, what runs is the engine, from the last
// mounts, without capabilities, and mounts of the user stay in the guest.
func FuzzRewrite(f *testing.F) {
	cases, err := filepath.Glob("testdata/rewrite/*/config.json")
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range cases {
		content, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(content, "/data")
	}
	f.Add([]byte(`{"process":{},"root":{},"linux":{},"mounts":[{"destination":"../../x"}]}`), "../engine")
	f.Fuzz(func(t *testing.T, config []byte, resolved string) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "config.json"), config, 0o600); err != nil {
			t.Fatal(err)
		}
		spec, err := bundle.Read(dir)
		if err != nil {
			return
		}
		c := container("rootfs")
		c.Resolve = func(string) (string, error) { return resolved, nil }
		if err := bundle.Rewrite(spec, c); err != nil {
			return
		}
		n := len(spec.Mounts)
		last := []string{bundle.ExecDir, bundle.EngineDir, bundle.CodePath}
		if n <= len(last) {
			t.Fatalf("the mounts are %v", spec.Mounts)
		}
		own := n - len(last)
		for i, destination := range last {
			if spec.Mounts[own+i].Destination != destination {
				t.Fatalf("the last mounts are %v", spec.Mounts)
			}
		}
		if !spec.Root.Readonly || !spec.Process.NoNewPrivileges || len(spec.Process.Capabilities.Bounding) != 0 {
			t.Fatalf("root %+v, process %+v", spec.Root, spec.Process)
		}
		for _, m := range spec.Mounts[:own] {
			top, _, _ := strings.Cut(strings.TrimPrefix(m.Destination, "/"), "/")
			switch top {
			case "guest", "proc", "dev", "sys", "etc":
			default:
				t.Fatalf("a mount at %q", m.Destination)
			}
		}
	})
}
