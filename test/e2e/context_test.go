package e2e

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestContexts: given the same files as every kind of build context, the same
// artifact, from both builders.
func TestContexts(t *testing.T) {
	text := "FROM scratch\nCOMPONENT app.wasm\nCOPY --chmod=644 config.toml /etc/\n"
	dir := write(t, map[string]string{"Wasmfile": text, "app.wasm": greetWasm(t), "config.toml": "a = 1\n"})
	packed := string(tarOf(t, dir))
	want := layoutDigest(t, build{dir: dir}.layout(t))
	nested := t.TempDir()
	if err := os.CopyFS(filepath.Join(nested, "sub", "dir"), os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string]build{
		"the Wasmfile on standard input":      {file: "-", context: dir, stdin: text},
		"a tar file on standard input":        {file: "Wasmfile", context: "-", stdin: packed},
		"a Git repository":                    {file: "Wasmfile", context: serveGit(t, dir)},
		"a folder of a branch of one":         {file: "Wasmfile", context: serveGit(t, nested) + "#main:sub/dir"},
		"a tar file by HTTP":                  {file: "Wasmfile", context: serveFiles(t, write(t, map[string]string{"context.tar": packed})) + "context.tar"},
		"the Wasmfile outside of the context": {file: filepath.Join(write(t, map[string]string{"Other": text}), "Other"), context: dir},
	} {
		for _, builder := range []string{dockerBuilder, buildkitBuilder()} {
			t.Run(name+" "+builder, func(t *testing.T) {
				t.Parallel()
				b := b
				b.builder = builder
				if got := layoutDigest(t, b.layout(t)); got != want {
					t.Errorf("%s, not %s", got, want)
				}
			})
		}
	}
}

// TestContextIsAWasmfile: given the address of a Wasmfile as the context, it
// is built, with what it gets by HTTP itself.
func TestContextIsAWasmfile(t *testing.T) {
	dir := write(t, map[string]string{"app.wasm": greetWasm(t)})
	url := serveFiles(t, dir)
	text := "FROM scratch\nCOMPONENT " + url + "app.wasm\nCOPY <<end /note\nof the Wasmfile\nend\n"
	if err := os.WriteFile(filepath.Join(dir, "Wasmfile"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, builder := range []string{dockerBuilder, buildkitBuilder()} {
		found := unpacked(t, build{builder: builder, file: "none", context: url + "Wasmfile"}.layout(t))
		if !slices.Equal(found.components, []string{"app.wasm"}) || found.files["note"].text != "of the Wasmfile\n" {
			t.Errorf("%s builds %+v", builder, found)
		}
	}
	bad := "FROM scratch\nCOMPONENT " + url + "nowhere.wasm\n"
	if err := os.WriteFile(filepath.Join(dir, "Bad"), []byte(bad), 0o644); err != nil {
		t.Fatal(err)
	}
	r := fails(t, []string{"404", ">>> COMPONENT " + url + "nowhere.wasm"}, build{file: "none", context: url + "Bad", output: "type=local,dest=" + t.TempDir()}.args()...)
	if strings.Contains(r.all(), ".wasmfile") || strings.Contains(r.all(), "ADD") {
		t.Errorf("the message shows internals:\n%s", r.all())
	}
}

// TestLinkLoop: given a symbolic link to itself, the error names it, and is at its
// COMPONENT when there is no other.
func TestLinkLoop(t *testing.T) {
	dir := write(t, map[string]string{
		"Wasmfile": "FROM scratch\nCOMPONENT loop.wasm\n", "Two": "FROM scratch\nCOMPONENT app.wasm\nCOMPONENT loop.wasm\n", "app.wasm": greetWasm(t),
	})
	if err := os.Symlink("loop.wasm", filepath.Join(dir, "loop.wasm")); err != nil {
		t.Fatal(err)
	}
	b := build{builder: buildkitBuilder(), dir: dir, output: "type=cacheonly"}
	fails(t, []string{"links lead to each other: one of them is /loop.wasm", " | >>> COMPONENT loop.wasm"}, b.args()...)
	b.file = filepath.Join(dir, "Two")
	fails(t, []string{"one of them is /app.wasm, /loop.wasm"}, b.args()...)
}

// TestIgnoreFiles: given ignore files, the one that belongs to the Wasmfile
// comes before the context's, and what it leaves out cannot be a component.
func TestIgnoreFiles(t *testing.T) {
	wasm := greetWasm(t)
	dir := write(t, map[string]string{
		"Wasmfile":              "FROM scratch\nCOMPONENT *.wasm\nENTRYPOINT [\"b\"]\n",
		"Named":                 "FROM scratch\nCOMPONENT a.wasm\n",
		"a.wasm":                wasm,
		"b.wasm":                wasm,
		"c.wasm":                wasm,
		".dockerignore":         "# the context's\n*.wasm\n!b.wasm\n",
		"Wasmfile.dockerignore": "a.wasm\n",
	})
	components := func(b build) string {
		t.Helper()
		return strings.Join(unpacked(t, b.layout(t)).components, " ")
	}
	if got := components(build{dir: dir}); got != "b.wasm c.wasm" {
		t.Errorf("with Wasmfile.dockerignore: %s", got)
	}
	for _, builder := range []string{dockerBuilder, buildkitBuilder()} {
		named := build{builder: builder, dir: dir, file: filepath.Join(dir, "Named"), output: "type=local,dest=" + t.TempDir()}
		fails(t, []string{"Named:2", "a.wasm", ".dockerignore"}, named.args()...)
	}
	if err := os.Remove(filepath.Join(dir, "Wasmfile.dockerignore")); err != nil {
		t.Fatal(err)
	}
	if got := components(build{dir: dir}); got != "b.wasm" {
		t.Errorf("with .dockerignore: %s", got)
	}
	if got := components(build{file: "-", context: dir, stdin: "FROM scratch\nCOMPONENT *.wasm\n"}); got != "b.wasm" {
		t.Errorf("with .dockerignore and the Wasmfile on standard input: %s", got)
	}
}

// TestNamedContextIsAFile: given a name for a file by HTTP, it is a context
// with that file, whose name is "context" there, as for a Dockerfile.
func TestNamedContextIsAFile(t *testing.T) {
	url := serveFiles(t, write(t, map[string]string{"app.wasm": greetWasm(t)})) + "app.wasm"
	dir := write(t, map[string]string{"Wasmfile": "FROM scratch\nCOMPONENT --from=download context app\n"})
	found := unpacked(t, build{dir: dir, flags: []string{"--build-context", "download=" + url}}.layout(t))
	if !slices.Equal(found.components, []string{"app"}) {
		t.Errorf("components %v", found.components)
	}
}

// TestNamedContexts: given a name for each kind of source, --from, FROM and
// mounts take it.
func TestNamedContexts(t *testing.T) {
	files := map[string]string{"app.wasm": greetWasm(t), "note": "a note\n"}
	dir := write(t, files)
	image := registry() + "/e2e/" + unique("files") + ":1"
	files["Dockerfile"] = "FROM scratch\nCOPY app.wasm note /\n"
	must(t, "docker", "buildx", "build", "--builder", buildkitBuilder(), "--provenance=false", "--push", "-t", image, write(t, files))
	layout := filepath.Join(t.TempDir(), "image")
	must(t, "crane", "pull", "--format", "oci", image, layout)

	from := write(t, map[string]string{"Wasmfile": "FROM scratch\nCOMPONENT --from=files app.wasm\nCOPY --from=files --chmod=644 note /\n"})
	stage := write(t, map[string]string{"Wasmfile": "FROM files AS base\nFROM scratch\nCOMPONENT --from=base app.wasm\nCOPY --from=base --chmod=644 note /\n"})
	mount := write(t, map[string]string{"Wasmfile": "ARG BUSYBOX_IMAGE\nFROM ${BUSYBOX_IMAGE} AS build\nRUN --mount=from=files,target=/in cp /in/* / && chmod 644 /note\n" +
		"FROM scratch\nCOMPONENT --from=build app.wasm\nCOPY --from=build note /\n"})
	want := layoutDigest(t, build{dir: from, flags: []string{"--build-context", "files=" + dir}}.layout(t))
	sources := map[string]string{
		"directory":      dir,
		"image":          "docker-image://" + image,
		"layout":         "oci-layout://" + layout + "@" + must(t, "crane", "digest", image),
		"Git repository": serveGit(t, dir),
	}
	check := func(source, use, wasmfile, builder string) {
		t.Run(source+" "+use+" "+builder, func(t *testing.T) {
			t.Parallel()
			b := build{builder: builder, dir: wasmfile, flags: []string{"--build-context", "files=" + sources[source]}}
			if got := layoutDigest(t, b.layout(t)); got != want {
				t.Errorf("%s, not %s", got, want)
			}
		})
	}
	for source := range sources {
		check(source, "--from", from, dockerBuilder)
		check(source, "--from", from, buildkitBuilder())
	}
	for _, source := range []string{"directory", "image"} {
		check(source, "FROM", stage, buildkitBuilder())
		check(source, "mount", mount, buildkitBuilder())
	}
}
