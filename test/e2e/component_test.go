package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/wasmfile/wasmfile/test/e2e/guests"
)

// layers are the layers of the manifest in a layout.
func layers(t *testing.T, layout string) []descriptor {
	t.Helper()
	var manifest struct{ Layers []descriptor }
	blob(t, layout, layoutDigest(t, layout), &manifest)
	return manifest.Layers
}

// titles are the names of layers.
func titles(layers []descriptor) []string {
	var names []string
	for _, l := range layers {
		names = append(names, l.Annotations["org.opencontainers.image.title"])
	}
	return names
}

// pushFiles pushes files with oras and returns their reference.
func pushFiles(t *testing.T, files map[string]string, args ...string) string {
	t.Helper()
	ref := registry() + "/e2e/" + unique("files") + ":latest"
	r := (command{args: append([]string{"oras", "push", "--no-tty", "--plain-http", ref}, args...), dir: write(t, files)}).run(t)
	if r.code != 0 {
		t.Fatal(r.all())
	}
	return ref
}

// TestComponentFromArtifact: given an artifact in a registry, of each form, in
// a layout or of another target, COMPONENT --from takes its components, whose
// digests stay.
func TestComponentFromArtifact(t *testing.T) {
	greet := greetWasm(t)
	sum := digest.FromString(greet).String()
	source := write(t, map[string]string{
		"greet.wasm": greet, "other.wasm": "\x00asm\x01\x00\x00\x00", "notes.txt": "text",
		"Wasmfile": "FROM scratch\nCOMPONENT greet.wasm other.wasm\nCOMPONENT --media-type=text/plain notes.txt\nENTRYPOINT [\"greet\"]\n",
	})
	layout := build{builder: buildkitBuilder(), dir: source}.layout(t)
	ours := registry() + "/e2e/" + unique("source") + ":latest"
	must(t, "oras", "cp", "--no-tty", "--from-oci-layout", layout+":latest", "--to-plain-http", ours)
	cncf := pushFiles(t, map[string]string{
		"greet.wasm": greet,
		"cncf.json":  `{"created":"2024-09-25T12:00:00Z","architecture":"wasm","os":"wasip2","layerDigests":["` + sum + `"],"component":{"exports":[],"imports":[]}}`,
	}, "--config", "cncf.json:application/vnd.wasm.config.v0+json", "greet.wasm:application/wasm")
	bare := pushFiles(t, map[string]string{"greet.wasm": greet}, "greet.wasm:application/wasm")

	cases := map[string]struct {
		text  string
		flags []string
		want  []string // the titles of the layers
	}{
		"by title":            {"COMPONENT --from=" + ours + " greet.wasm", nil, []string{"greet.wasm"}},
		"by digest":           {"COMPONENT --from=" + strings.TrimSuffix(ours, ":latest") + "@" + layoutDigest(t, layout) + " greet.wasm", nil, []string{"greet.wasm"}},
		"by glob":             {"COMPONENT --from=" + ours + " g*.wasm", nil, []string{"greet.wasm"}},
		"all":                 {"COMPONENT --from=" + ours + " *\nENTRYPOINT [\"greet\"]", nil, []string{"greet.wasm", "other.wasm"}},
		"all but some":        {"COMPONENT --from=" + ours + " --exclude=other* *", nil, []string{"greet.wasm"}},
		"under another name":  {"COMPONENT --from=" + ours + " greet.wasm hello", nil, []string{"hello"}},
		"by a variable":       {"ARG APP=greet\nCOMPONENT --from=" + ours + " $APP.wasm", nil, []string{"greet.wasm"}},
		"a layer of its own":  {"COMPONENT --from=" + ours + " greet.wasm\nCOMPONENT --media-type=text/plain --from=" + ours + " *.txt", nil, []string{"greet.wasm", "notes.txt"}},
		"what may be missing": {"COMPONENT --from=" + ours + " greet.wasm\nCOMPONENT --optional --from=" + ours + " z*", nil, []string{"greet.wasm"}},
		"no directory":        {"COMPONENT --from=" + ours + " greet.wasm\nCOMPONENT --optional plugins/more/*.wasm", nil, []string{"greet.wasm"}},
		"the CNCF form":       {"COMPONENT --from=" + cncf + " greet.wasm", nil, []string{"greet.wasm"}},
		"a file alone":        {"COMPONENT --from=" + bare + " *", nil, []string{"greet.wasm"}},
		"a layout":            {"COMPONENT --from=l greet.wasm", []string{"--build-context", "l=oci-layout://" + layout + ":latest"}, []string{"greet.wasm"}},
		"a layout by digest":  {"COMPONENT --from=l greet.wasm", []string{"--build-context", "l=oci-layout://" + layout + "@" + layoutDigest(t, layout)}, []string{"greet.wasm"}},
		"a named reference":   {"COMPONENT --from=l greet.wasm", []string{"--build-context", "l=docker-image://" + ours}, []string{"greet.wasm"}},
		"a stage in its name": {"COMPONENT --from=arg greet.wasm", []string{"--build-arg", "SOURCE=" + ours}, []string{"greet.wasm"}},
		"a stage of that":     {"COMPONENT --from=again greet.wasm", []string{"--build-arg", "SOURCE=" + ours}, []string{"greet.wasm"}},
		"a context in its":    {"COMPONENT --from=again greet.wasm", []string{"--build-context", "arg=oci-layout://" + layout + ":latest"}, []string{"greet.wasm"}},
	}
	for name, c := range cases {
		for _, builder := range []string{buildkitBuilder(), dockerBuilder} {
			t.Run(name+" "+builder, func(t *testing.T) {
				t.Parallel()
				text := "ARG SOURCE=scratch\nFROM ${SOURCE} AS arg\nFROM arg AS again\nFROM scratch\n" + c.text + "\n"
				dir := write(t, map[string]string{"Wasmfile": text})
				got := layers(t, build{builder: builder, dir: dir, flags: c.flags}.layout(t))
				if !slices.Equal(titles(got), c.want) {
					t.Errorf("the layers are %q, not %q", titles(got), c.want)
				}
				if got[0].Digest != sum {
					t.Errorf("the component has digest %s, not %s", got[0].Digest, sum)
				}
			})
		}
	}
	t.Run("another target of a bake file", func(t *testing.T) { fromBakeTarget(t, source, sum) })
	t.Run("errors", func(t *testing.T) { artifactErrors(t, ours) })
	for name, c := range map[string]struct{ from, line string }{
		"registry": {ours, "COPY --from=" + ours + " /greet.wasm /x/"}, "CNCF form": {cncf, "COPY --from=" + cncf + " /greet.wasm /x/"},
		"layout": {"l", "COPY --from=l / /x/"}, "stage": {"arg", "COPY --from=arg /greet.wasm /x/"}, "stage of a layout": {"again", "COPY --from=again / /x/"},
		"mount": {"l", "RUN --mount=from=l,target=/x true"},
	} {
		t.Run("no files, "+name, func(t *testing.T) {
			dir := write(t, map[string]string{"Wasmfile": "ARG SOURCE\nFROM ${SOURCE} AS arg\nFROM l AS again\nFROM " + busybox() + "\nCOMPONENT --from=arg greet.wasm\n" + c.line + "\n"})
			b := build{builder: buildkitBuilder(), dir: dir, flags: []string{"--build-arg", "SOURCE=" + ours, "--build-context", "l=oci-layout://" + layout + ":latest"}}
			fails(t, []string{c.from + " is a Wasm artifact, from which a stage can take no files", "COMPONENT --from=" + c.from, "Wasmfile:6"}, b.args()...)
		})
	}
}

// fromBakeTarget takes a component of a target that the same bake file builds, which
// cannot be a base.
func fromBakeTarget(t *testing.T, source, sum string) {
	dir := write(t, map[string]string{
		"Wasmfile": "FROM scratch\nCOMPONENT --from=source greet.wasm\n",
		"Base":     "FROM scratch AS other\nFROM source\nCOMPONENT --from=source greet.wasm\n",
	})
	dest := filepath.Join(t.TempDir(), "layout")
	args := map[string]string{"BUILDKIT_SYNTAX": os.Getenv("WASMFILE_FRONTEND")}
	bake, err := json.Marshal(map[string]any{"target": map[string]any{
		"source": map[string]any{"context": source, "dockerfile": "Wasmfile", "args": args},
		"app": map[string]any{
			"context": dir, "dockerfile": "Wasmfile", "args": args,
			"contexts": map[string]string{"source": "target:source"}, "output": []string{"type=local,dest=" + dest},
		},
		"based": map[string]any{
			"context": dir, "dockerfile": "Base", "args": args, "contexts": map[string]string{"source": "target:source"},
			"output": []string{"type=cacheonly"},
		},
	}})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(write(t, map[string]string{"bake.json": string(bake)}), "bake.json")
	must(t, "docker", "buildx", "bake", "--builder", buildkitBuilder(), "--allow", "fs=*", "-f", file, "app")
	if got := layers(t, dest); len(got) != 1 || got[0].Digest != sum {
		t.Errorf("the layers are %v", got)
	}
	fails(t, []string{"this is a Wasm artifact", " | >>> FROM source"}, "docker", "buildx", "bake", "--builder", buildkitBuilder(), "--allow", "fs=*", "-f", file, "based")
}

// artifactErrors are what can be wrong with an artifact and with what a
// Wasmfile wants of it.
func artifactErrors(t *testing.T, ours string) {
	config := func(layers string) string {
		encoded, err := json.Marshal(map[string]any{
			"architecture": "wasm", "os": "wasip2", "rootfs": map[string]any{"type": "layers", "diff_ids": []string{}},
			"config": map[string]any{"Labels": map[string]string{"io.github.wasmfile.layers": layers}},
		})
		if err != nil {
			t.Fatal(err)
		}
		return pushFiles(t, map[string]string{"config.json": string(encoded), "a": "x"}, "--config", "config.json:"+configType, "a:"+componentType)
	}
	layer := func(name string) string {
		return `{"mediaType":"` + componentType + `","digest":"` + digest.FromString("x").String() + `","size":1,"annotations":{"org.opencontainers.image.title":"` + name + `"}}`
	}
	cases := map[string]struct {
		from, source string
		says         []string
	}{
		"a title that is not there": {ours, "gret.wasm", []string{`"gret.wasm" is not in ` + ours, "greet.wasm, other.wasm", "did you mean greet.wasm?"}},
		"a name at run time":        {ours, "greet", []string{"did you mean greet.wasm?"}},
		"a glob without a match":    {ours, "z*", []string{"z*", "greet.wasm, other.wasm"}},
		"a variable without one":    {ours, "${NONE}.txt", []string{"greet.wasm, other.wasm"}},
		"a path as title":           {config("[" + layer("../../evil") + "]"), "*", []string{"path separator"}},
		"two of one title":          {config("[" + layer("a") + "," + layer("a") + "]"), "*", []string{`both named \"a\"`}},
		"what is no list":           {config("{}"), "*", []string{"io.github.wasmfile.layers"}},
		"a digest that is none":     {config(`[{"mediaType":"` + componentType + `","digest":"sha256:../..","size":1}]`), "*", []string{"digest"}},
		"what is not Wasm":          {config("[" + layer("a.wasm") + "]"), "*", []string{"a.wasm is not a valid WebAssembly binary"}},
		"no artifact at all":        {registry() + "/no/such", "*", []string{"not found"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := write(t, map[string]string{"Wasmfile": "FROM scratch\n\nCOMPONENT --from=" + c.from + " " + c.source + "\n"})
			for i := range c.says {
				c.says[i] = strings.ReplaceAll(c.says[i], `\"`, `"`)
			}
			r := fails(t, append(c.says, "Wasmfile:3"), build{builder: buildkitBuilder(), dir: dir}.args()...)
			noInternals(t, strings.ReplaceAll(r.all(), "io.github.wasmfile.layers", ""))
		})
	}
}

// TestMovedTag: given a tag that is moved, the next build takes what it now
// names.
func TestMovedTag(t *testing.T) {
	repository := registry() + "/e2e/" + unique("moved")
	dir := write(t, map[string]string{"Wasmfile": "FROM scratch\nCOMPONENT --from=" + repository + ":latest app.wasm\n"})
	for _, content := range []string{"\x00asm\x01\x00\x00\x00", "\x00asm\x0d\x00\x01\x00"} {
		for _, form := range []string{"oci", "bare"} {
			files := map[string]string{"app.wasm": content, "Wasmfile": "FROM scratch\nCOMPONENT app.wasm\n"}
			if form == "oci" {
				layout := build{builder: buildkitBuilder(), dir: write(t, files)}.layout(t)
				must(t, "oras", "cp", "--no-tty", "--from-oci-layout", layout+":latest", "--to-plain-http", repository+":latest")
			} else if r := (command{args: []string{"oras", "push", "--no-tty", "--plain-http", repository + ":latest", "app.wasm:application/wasm"}, dir: write(t, files)}).run(t); r.code != 0 {
				t.Fatal(r.all())
			}
			if got := layers(t, build{builder: buildkitBuilder(), dir: dir}.layout(t)); got[0].Digest != digest.FromString(content).String() {
				t.Errorf("%s: the component has digest %s", form, got[0].Digest)
			}
		}
	}
}

// TestComponentFromURL: given a server, a component with the right checksum is
// taken, and one with the wrong checksum, or none, is an error at its line.
func TestComponentFromURL(t *testing.T) {
	greet := greetWasm(t)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/greet.wasm" {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write([]byte(greet))
	}))
	defer server.Close()
	sum := digest.FromString(greet).String()
	for _, builder := range []string{buildkitBuilder(), dockerBuilder} {
		b := func(line string) build {
			return build{builder: builder, dir: write(t, map[string]string{"Wasmfile": "FROM scratch\n\n" + line + "\n"})}
		}
		for line, name := range map[string]string{
			"COMPONENT " + server.URL + "/greet.wasm":                          "greet.wasm",
			"COMPONENT --checksum=" + sum + " " + server.URL + "/greet.wasm g": "g",
		} {
			got := layers(t, b(line).layout(t))
			if len(got) != 1 || got[0].Digest != sum || titles(got)[0] != name {
				t.Errorf("%s: the layers are %v", line, got)
			}
		}
		wrong := digest.FromString("another").String()
		for line, says := range map[string]string{
			"COMPONENT --checksum=" + wrong + " " + server.URL + "/greet.wasm": "digest mismatch",
			"COMPONENT " + server.URL + "/nowhere.wasm":                        "404",
		} {
			r := fails(t, []string{says, "Wasmfile:3"}, b(line).args()...)
			noInternals(t, r.all())
		}
	}
}

// TestLayersOfOtherTypes: given a file with --media-type, it is the last layer,
// comes to a registry and back, and the component runs beside it.
func TestLayersOfOtherTypes(t *testing.T) {
	dir := write(t, map[string]string{
		"greet.wasm": greetWasm(t), "model.bin": "weights", "motd": "hello",
		"Wasmfile": "FROM scratch\nCOMPONENT --media-type=application/vnd.example.model.v1 --name=model model.bin\nCOMPONENT --link --exclude=z* *.wasm\nCOPY motd /etc/\n",
	})
	layout := build{builder: buildkitBuilder(), dir: dir}.layout(t)
	got := layers(t, layout)
	if !slices.Equal(titles(got), []string{"greet.wasm", "", "model"}) || got[2].MediaType != "application/vnd.example.model.v1" {
		t.Fatalf("the layers are %v", got)
	}
	ref := registry() + "/e2e/" + unique("model") + ":latest"
	must(t, "nerdctl", "wasm", "push", layout, ref)
	defer try(t, "nerdctl", "rmi", "-f", ref)
	if out := must(t, append(wasmRun(ref), "you")...); out != "Hello, you!" {
		t.Errorf("it prints %q", out)
	}
	out := t.TempDir()
	must(t, "oras", "pull", "--no-tty", "--plain-http", "-o", out, ref)
	if content, err := os.ReadFile(filepath.Join(out, "model")); err != nil || string(content) != "weights" {
		t.Errorf("oras pulls %q (%v)", content, err)
	}
}

// TestNothingAddsAComponent: given files where a build keeps components, in a
// base image, copied from one or made by RUN, they become no component.
func TestNothingAddsAComponent(t *testing.T) {
	const hidden = "/.wasmfile/0001/files/evil.wasm"
	evil := registry() + "/e2e/" + unique("evil") + ":latest"
	image := write(t, map[string]string{"evil.wasm": greetWasm(t), "Wasmfile": "FROM " + busybox() + "\nCOPY evil.wasm " + hidden + "\n"})
	must(t, build{builder: buildkitBuilder(), dir: image, output: "type=image,name=" + evil + ",push=true"}.args()...)
	files := map[string]string{"a.wasm": "\x00asm\x01\x00\x00\x00"}
	for name, text := range map[string]string{
		"copied":      "FROM scratch\nCOPY --from=" + evil + " / /\nCOMPONENT a.wasm\n",
		"of the base": "FROM " + evil + "\nCOMPONENT a.wasm\n",
		"made by RUN": "FROM " + busybox() + "\nCOMPONENT a.wasm\nRUN mkdir -p /.wasmfile/0001/files && echo > " + hidden + "\n",
	} {
		files["Wasmfile"] = text
		got := layers(t, build{builder: buildkitBuilder(), dir: write(t, files)}.layout(t))
		if !slices.Equal(titles(got), []string{"a.wasm", ""}) {
			t.Errorf("%s: the layers are %q", name, titles(got))
		}
	}
	files["Wasmfile"] = "FROM " + publish(t, "greet") + "\nCOMPONENT a.wasm\n"
	fails(t, []string{"Wasmfile:1", "COMPONENT --from"}, build{builder: buildkitBuilder(), dir: write(t, files)}.args()...)
}

// TestEntrypointNamesAFunction: given a component with a function of its own
// and one of an interface, ENTRYPOINT can name either, and it is called.
func TestEntrypointNamesAFunction(t *testing.T) {
	tools, err := guests.Tools(t.Context(), guests.CacheDir())
	if err != nil {
		t.Fatal(err)
	}
	dir := write(t, map[string]string{
		"core.wat": `(module
			(func (export "docs:adder/add@0.1.0#zero") (result i32) (i32.const 0))
			(func (export "seven") (result i32) (i32.const 7)))`,
		"world.wit": "package docs:adder@0.1.0;\ninterface add { zero: func() -> u32; }\nworld calc { export add; export seven: func() -> u32; }\n",
	})
	calc := filepath.Join(dir, "calc.wasm")
	if err := tools.Component(t.Context(), filepath.Join(dir, "core.wat"), filepath.Join(dir, "world.wit"), "calc", calc); err != nil {
		t.Fatal(err)
	}
	b := build{builder: buildkitBuilder(), dir: dir}
	for function, prints := range map[string]string{"seven": "7", "zero": "0"} {
		wasmfile := "FROM scratch\nCOMPONENT calc.wasm\nENTRYPOINT [\"calc#" + function + "\"]\n"
		if err := os.WriteFile(filepath.Join(dir, "Wasmfile"), []byte(wasmfile), 0o644); err != nil {
			t.Fatal(err)
		}
		ref := registry() + "/e2e/" + unique("calc") + ":latest"
		must(t, "nerdctl", "wasm", "push", b.layout(t), ref)
		defer try(t, "nerdctl", "rmi", "-f", ref)
		if out := must(t, wasmRun(ref)...); out != prints {
			t.Errorf("%s: it prints %q", function, out)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "Wasmfile"), []byte("FROM scratch\nCOMPONENT calc.wasm\nENTRYPOINT [\"calc#sevn\"]\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	fails(t, []string{"Wasmfile:3", `"sevn"`, `did you mean "seven"?`, "zero"}, b.args()...)
}

// TestSwappedSources: given two components whose sources swap their paths, while
// the names stay, the layers swap too: nothing of the first build is taken for the
// second.
func TestSwappedSources(t *testing.T) {
	files := map[string]string{"a/x.wasm": unlike(t, 1), "b/x.wasm": unlike(t, 2)}
	for _, sources := range [][2]string{{"a/x.wasm", "b/x.wasm"}, {"b/x.wasm", "a/x.wasm"}} {
		files["Wasmfile"] = fmt.Sprintf("FROM scratch\nCOMPONENT %s first\nCOMPONENT %s second\nENTRYPOINT [\"first\"]\n", sources[0], sources[1])
		got := layers(t, build{builder: buildkitBuilder(), dir: write(t, files)}.layout(t))
		for i, source := range sources {
			if want := digest.FromString(files[source]).String(); got[i].Digest != want {
				t.Errorf("of %q, layer %d is %s, not %s", sources, i, got[i].Digest, want)
			}
		}
	}
}

// unlike is a component that no other test has built, and no other n.
func unlike(t *testing.T, n byte) string {
	t.Helper()
	name := unique("unlike")
	section := append([]byte{byte(len(name))}, name...)
	section = append(section, n)
	return greetWasm(t) + string(append([]byte{0, byte(len(section))}, section...))
}

// TestProgressNamesComponents: given a build, its steps say which component
// comes from where, and the last one has their sizes and digests.
func TestProgressNamesComponents(t *testing.T) {
	greet := greetWasm(t)
	dir := write(t, map[string]string{
		"greet.wasm": greet,
		"Wasmfile": "FROM scratch AS build\nCOPY greet.wasm /out/\nFROM scratch\nCOMPONENT --from=build /out/greet.wasm greet\nCOMPONENT --link gr*.wasm\nENTRYPOINT [\"greet\"]\n" +
			"ANNOTATION run=" + unique("run") + "\n", // an assembly of the same is found in the cache
	})
	r := try(t, build{builder: buildkitBuilder(), dir: dir, flags: []string{"--no-cache"}}.args()...)
	for _, want := range []string{
		"[component greet] from build", "[component gr*.wasm] from context", "[artifact] assemble",
		digest.FromString(greet).String(), "1.74kB", "1740",
	} {
		if !strings.Contains(r.all(), want) {
			t.Errorf("the progress does not say %q:\n%s", want, r.all())
		}
	}
	if strings.Contains(r.all(), "/.wasmfile") || strings.Contains(r.all(), "] COPY [") {
		t.Errorf("the progress shows the rendering:\n%s", r.all())
	}
}

// TestNoSuchStage: given a --from with a misspelled name of a stage, which is no
// image either, the error says which stages there are, and the nearest.
func TestNoSuchStage(t *testing.T) {
	for _, line := range []string{"COMPONENT --from=biuld app.wasm", "COMPONENT app.wasm\nCOPY --from=biuld app.wasm /"} {
		dir := write(t, map[string]string{"app.wasm": greetWasm(t), "Wasmfile": "FROM scratch AS build\nCOPY app.wasm /\nFROM scratch\n" + line + "\n"})
		says := []string{"biuld: no stage or context has this name (names: build)", "(did you mean build?)", " | >>> " + line[strings.LastIndex(line, "\n")+1:]}
		for _, builder := range []string{dockerBuilder, buildkitBuilder()} {
			b := build{builder: builder, dir: dir, output: "type=local,dest=" + t.TempDir()}
			fails(t, says, b.args()...)
			b.flags = []string{"--check"}
			fails(t, says, b.args()...)
		}
		fails(t, says, "nerdctl", "wasm", "build", "--progress", "plain", "-t", "none", dir)
	}
}
