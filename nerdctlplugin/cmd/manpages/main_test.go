package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestPages: given the commands, each has a page with its examples and flags,
// and nothing of the machine that wrote it.
func TestPages(t *testing.T) {
	dir := t.TempDir()
	if err := write(dir); err != nil {
		t.Fatal(err)
	}
	for page, says := range map[string][]string{
		"nerdctl-wasm.1":              {"nerdctl-wasm-run(1)", "nerdctl-wasm-inspect(1)"},
		"nerdctl-wasm-run.1":          {"EXAMPLE", "--invoke", "--memory", "nerdctl wasm run --rm"},
		"nerdctl-wasm-system-check.1": {"--json"},
	} {
		content, err := os.ReadFile(filepath.Join(dir, page))
		if err != nil {
			t.Fatal(err)
		}
		text := strings.ReplaceAll(string(content), `\-`, "-")
		for _, want := range says {
			if !strings.Contains(text, want) {
				t.Errorf("%s does not say %q", page, want)
			}
		}
		if home, err := os.UserHomeDir(); err == nil && home != "/" && strings.Contains(text, home) {
			t.Errorf("%s has %s in it", page, home)
		}
	}
}
