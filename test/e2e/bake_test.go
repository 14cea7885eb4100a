package e2e

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// bake runs `docker buildx bake` in a directory with a file for it.
func bake(t *testing.T, dir string, args ...string) result {
	t.Helper()
	r := command{dir: dir, args: append([]string{
		"docker", "buildx", "bake", "--builder", buildkitBuilder(), "--progress", "plain",
		"--set", "*.args.BUILDKIT_SYNTAX=" + os.Getenv("WASMFILE_FRONTEND"),
		"--set", "*.args.GO_IMAGE=" + os.Getenv("GOLANG_IMAGE"),
	}, args...)}.run(t)
	if r.code != 0 {
		t.Fatalf("bake: exit code %d\n%s", r.code, r.all())
	}
	return r
}

// TestBakeExamples: given the examples' file for bake, it builds each as a
// build of its own does, and forgets none.
func TestBakeExamples(t *testing.T) {
	out := t.TempDir()
	bake(t, example("."), "--allow", "fs.write="+out, "--var", "DEST="+out)
	baked, err := filepath.Glob(filepath.Join(out, "*"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, dir := range baked {
		name := filepath.Base(dir)
		names = append(names, name)
		want := layoutDigest(t, build{dir: example(name), flags: exampleFlags(name, example("."))}.layout(t))
		if got := layoutDigest(t, dir); got != want {
			t.Errorf("%s: %s, not %s", name, got, want)
		}
	}
	if want := examples(t); !slices.Equal(names, want) {
		t.Errorf("it builds %v, not %v", names, want)
	}
}

// TestBakeTargetsAsContexts: given a target whose context is another one, an
// ordinary image, a component comes from there.
func TestBakeTargetsAsContexts(t *testing.T) {
	dir := write(t, map[string]string{
		"app.wasm":   greetWasm(t),
		"Dockerfile": "FROM scratch\nCOPY app.wasm /out/\n",
		"Wasmfile":   "FROM scratch\nCOMPONENT --from=build /out/app.wasm\n",
		"docker-bake.hcl": `target "build" {}
target "default" {
  dockerfile = "Wasmfile"
  contexts = { build = "target:build" }
  output = ["type=local,dest=layout"]
}
`,
	})
	bake(t, dir)
	if got := unpacked(t, filepath.Join(dir, "layout")).components; !slices.Equal(got, []string{"app.wasm"}) {
		t.Errorf("components %v", got)
	}
}
