package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestGreetExample: given the example greet, it greets whom it is told to.
func TestGreetExample(t *testing.T) {
	ref := publish(t, "greet")
	for args, want := range map[string]string{"": "Hello, world!", "Ada": "Hello, Ada!"} {
		run := append(wasmRun(), ref)
		if args != "" {
			run = append(run, args)
		}
		if out := must(t, run...); out != want {
			t.Errorf("with %q it prints %q, not %q", args, out, want)
		}
	}
}

// TestPipelineExample: given the example with two components, one of them
// another example's, the entrypoint chooses, and the shared one has the digest
// that it has there.
func TestPipelineExample(t *testing.T) {
	layout := build{dir: example("pipeline"), flags: exampleFlags("pipeline", example("."))}.layout(t)
	ref := registry() + "/e2e/pipeline:latest"
	must(t, "nerdctl", "wasm", "push", layout, ref)
	if out := must(t, append(wasmRun(), ref, "Ada")...); out != "Hello, Ada!" {
		t.Errorf("it prints %q", out)
	}
	if out := must(t, append(wasmRun("--entrypoint", "shout"), ref)...); out != "HELLO!" {
		t.Errorf("shout prints %q", out)
	}
	digestOf := func(ref string) string {
		return must(t, "nerdctl", "wasm", "inspect", "--format", `{{range .Components}}{{if eq .Name "greet.wasm"}}{{.Descriptor.Digest}}{{end}}{{end}}`, ref)
	}
	greet := publish(t, "greet")
	must(t, "nerdctl", "wasm", "pull", "-q", greet)
	if a, b := digestOf(ref), digestOf(greet); a != b || a == "" {
		t.Errorf("greet.wasm is %q here and %q there", a, b)
	}
}

// TestExampleReadmes: given the README of an example, its commands work in the order
// that they have there, and print what it says. Those that leave servers have tests of
// their own.
func TestExampleReadmes(t *testing.T) {
	for _, name := range []string{"files", "greet", "hello", "pipeline"} {
		t.Run(name, func(t *testing.T) {
			all := filepath.Join(t.TempDir(), "examples")
			if err := os.CopyFS(all, os.DirFS(example("."))); err != nil {
				t.Fatal(err)
			}
			ran := 0
			for _, block := range blocks(t, example(name+"/README.md"), "console") {
				for _, c := range shellCommands(strings.Split(block, "\n")) {
					ran++
					dir := filepath.Join(all, name)
					r := command{args: []string{"bash", "-euo", "pipefail", "-c", localized(t, dir, c.line)}, dir: dir}.run(t)
					if r.code != 0 {
						t.Fatalf("%s: exit code %d\n%s", c.line, r.code, r.all())
					}
					for _, want := range c.prints {
						if !strings.Contains(r.all(), want) {
							t.Errorf("%s does not print %q:\n%s", c.line, want, r.all())
						}
					}
				}
			}
			if ran < 3 {
				t.Errorf("only %d commands", ran)
			}
		})
	}
}
