package e2e

import (
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
