package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestWkg: given an artifact of the form cncf, wkg fetches the component, by
// reference and as a package of a registry; and what wkg pushes runs.
func TestWkg(t *testing.T) {
	dir := greetWith(t, "# form=cncf\nFROM scratch\nCOMPONENT greet.wasm\nANNOTATION org.opencontainers.image.authors=\"The authors\"\n")
	greet := filepath.Join(dir, "greet.wasm")
	// A word of a package's namespace begins with a letter.
	namespace, insecure := strings.ReplaceAll(unique("wkg"), "-", ""), "--insecure="+registry()
	ref := registry() + "/" + namespace + "/greet:1.2.3"
	layout := build{builder: buildkitBuilder(), dir: dir}.layout(t)
	must(t, "oras", "cp", "--no-tty", "--from-oci-layout", layout+":latest", "--to-plain-http", ref)

	fetched := filepath.Join(t.TempDir(), "fetched.wasm")
	must(t, "wkg", "oci", "pull", insecure, "-o", fetched, ref)
	if got, want := fileSum(t, fetched), fileSum(t, greet); got != want {
		t.Errorf("wkg oci pull writes %s, not %s", got, want)
	}

	config := filepath.Join(t.TempDir(), "config.toml")
	text := fmt.Sprintf("default_registry = %[1]q\n[registry.%[1]q]\ntype = \"oci\"\n[registry.%[1]q.oci]\nprotocol = \"http\"\n", registry())
	if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	packaged := filepath.Join(t.TempDir(), "packaged.wasm")
	must(t, "wkg", "get", "--config", config, "--cache", t.TempDir(), "-o", packaged, namespace+":greet@1.2.3")
	if got, want := fileSum(t, packaged), fileSum(t, greet); got != want {
		t.Errorf("wkg get writes %s, not %s", got, want)
	}

	pushed := registry() + "/" + namespace + "/pushed:1.0.0"
	must(t, "wkg", "oci", "push", insecure, pushed, greet)
	defer try(t, "nerdctl", "rmi", "-f", pushed)
	if out := must(t, append(wasmRun(pushed), "wkg")...); out != "Hello, wkg!" {
		t.Errorf("it prints %q", out)
	}
}
