package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestLanguages: given the example of a language, its toolchain makes a component or a
// module of the source in the build, and it greets whom it is told to.
func TestLanguages(t *testing.T) {
	onlyBy(t, "test-languages")
	for language, c := range map[string]struct{ image, greets, platform string }{
		"c":          {"debian:13", "Hello, Ada, from C", "wasip1/wasm"},
		"javascript": {"node:22", "Hello, Ada, from JavaScript", "wasip2/wasm"},
		"python":     {"python:3.13", "Hello, Ada, from Python", "wasip2/wasm"},
		"rust":       {"rust:1", "Hello, Ada, from Rust", "wasip2/wasm"},
	} {
		t.Run(language, func(t *testing.T) {
			dir := example(filepath.Join("languages", language))
			artifact := build{dir: dir, flags: []string{"--build-context", c.image + "=docker-image://" + os.Getenv("TOOLCHAINS_IMAGE")}}.tar(t)
			if out := must(t, append(wasmRun(), artifact, "Ada")...); out != c.greets {
				t.Errorf("it prints %q, not %q", out, c.greets)
			}
			if out := must(t, "nerdctl", "wasm", "inspect", artifact); !strings.Contains(out, c.platform) {
				t.Errorf("it is not for %s:\n%s", c.platform, out)
			}
		})
	}
}
