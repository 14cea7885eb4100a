package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestDigestSurvivesTransport: given a layout, every way to a registry and
// back keeps its digest.
func TestDigestSurvivesTransport(t *testing.T) {
	b := build{builder: buildkitBuilder(), dir: example("files")}
	layout := b.layout(t)
	file := b.tar(t)
	want := layoutDigest(t, layout)
	repository := func(name string) string { return registry() + "/transport/" + name + ":latest" }

	pushes := map[string][]string{
		"imagetools": {"docker", "buildx", "imagetools", "create", "--prefer-index=false", "-t", repository("imagetools"), "oci-layout://" + layout + ":latest"},
		"oras":       {"oras", "cp", "--no-tty", "--from-oci-layout", layout + ":latest", "--to-plain-http", repository("oras")},
		"crane":      {"crane", "push", layout, repository("crane")},
		"regctl":     {"regctl", "image", "import", repository("regctl"), file},
		"plugin":     {"nerdctl", "wasm", "push", layout, repository("plugin")},
		"plugin-tar": {"nerdctl", "wasm", "push", file, repository("plugin-tar")},
	}
	for name, args := range pushes {
		t.Run(name, func(t *testing.T) {
			must(t, args...)
			if got := must(t, "crane", "digest", repository(name)); got != want {
				t.Errorf("pushed as %s, not %s", got, want)
			}
		})
	}
	t.Run("pull and push", func(t *testing.T) {
		must(t, "nerdctl", "wasm", "pull", "-q", repository("oras"))
		must(t, "nerdctl", "tag", repository("oras"), repository("again"))
		must(t, "nerdctl", "wasm", "push", repository("again"))
		if got := must(t, "crane", "digest", repository("again")); got != want {
			t.Errorf("came back as %s, not %s", got, want)
		}
	})
}

// TestNamedLayout: given a layout that says what it is called, Docker and the plugin load
// it under that name, with the digest that it has without, and run it, files and all.
func TestNamedLayout(t *testing.T) {
	name := unique("named") + ":1"
	b := build{dir: write(t, map[string]string{
		"guest.wasm": string(guest(t, "probe.component")), "file": "read",
		"Wasmfile": "FROM scratch\nCOMPONENT guest.wasm\nCOPY file /file\nENTRYPOINT [\"guest\"]\n",
	})}
	want := layoutDigest(t, b.layout(t))
	b.flags = []string{"--build-arg", "WASMFILE_NAME=" + name}
	file := b.tar(t)
	must(t, "docker", "load", "-i", file)
	defer try(t, "docker", "rmi", "-f", name)
	if got := must(t, "docker", "image", "inspect", "--format", "{{.Id}}", name); got != want {
		t.Errorf("Docker has loaded %s, not %s", got, want)
	}
	if out := must(t, "docker", "run", "--rm", "--runtime", runtimeName, "--platform", "wasip2/wasm", name, "read", "/file"); out != "read" {
		t.Errorf("the file has %q", out)
	}
	if out := must(t, "nerdctl", "wasm", "load", "-i", file); !strings.Contains(out, name+"@"+want) {
		t.Errorf("the plugin has loaded %s", out)
	}
	must(t, "nerdctl", "rmi", name)
	built := try(t, "nerdctl", "wasm", "build", "-q", "-t", name, "-o", "-", b.dir)
	if r := (command{args: []string{"nerdctl", "wasm", "load"}, stdin: strings.NewReader(built.stdout)}).run(t); !strings.Contains(r.stdout, name+"@"+want) {
		t.Errorf("of what the plugin has built, it has loaded %s", r.all())
	}
	must(t, "nerdctl", "rmi", name)
}

// TestImageExportersAreRefused: given an artifact build, every exporter that
// can only write images fails with what to use instead.
func TestImageExportersAreRefused(t *testing.T) {
	flags := map[string][]string{
		"push":  {"--push", "-t", registry() + "/refused:latest"},
		"load":  {"--load", "-t", "refused:latest"},
		"oci":   {"-o", "type=oci,dest=" + filepath.Join(t.TempDir(), "x.tar")},
		"image": {"-o", "type=image,name=refused:latest"},
	}
	for _, builder := range []string{dockerBuilder, buildkitBuilder()} {
		for name, flags := range flags {
			t.Run(builder+" "+name, func(t *testing.T) {
				t.Parallel()
				r := try(t, build{builder: builder, dir: example("greet"), flags: flags}.args()...)
				if r.code == 0 || !strings.Contains(r.all(), "type-local") {
					t.Errorf("exit code %d, and the message must name type-local:\n%s", r.code, r.all())
				}
			})
		}
	}
}

// TestBuildErrors: given a bad Wasmfile, an error at its line, from both
// builders.
func TestBuildErrors(t *testing.T) {
	greet := greetWasm(t)
	cases := map[string]struct {
		files map[string]string
		says  []string
	}{
		"not Wasm": {
			map[string]string{"a.wasm": "#!/bin/sh\necho no\n", "Wasmfile": "FROM scratch\nCOMPONENT a.wasm\n"},
			[]string{"Wasmfile:2", "a.wasm"},
		},
		"truncated": {
			map[string]string{"a.wasm": greet[:len(greet)/2], "Wasmfile": "FROM scratch\n\n# a comment\nCOMPONENT a.wasm\n"},
			[]string{"Wasmfile:4", "a.wasm", "offset"},
		},
		"missing": {
			map[string]string{"Wasmfile": "FROM scratch\nCOMPONENT nowhere.wasm\n"},
			[]string{"Wasmfile:2", "nowhere.wasm"},
		},
		"no entrypoint among several": {
			map[string]string{"a.wasm": greet, "b.wasm": greet, "Wasmfile": "FROM scratch\nCOMPONENT a.wasm\nCOMPONENT b.wasm\n"},
			[]string{"ENTRYPOINT", "a.wasm", "b.wasm"},
		},
		"the same name twice": {
			map[string]string{"x/a.wasm": greet, "a.wasm": greet, "Wasmfile": "FROM scratch\nCOMPONENT a.wasm\nCOMPONENT x/a.wasm\nENTRYPOINT [\"a\"]\n"},
			[]string{"Wasmfile:3", "a.wasm"},
		},
	}
	for name, c := range cases {
		for _, builder := range []string{dockerBuilder, buildkitBuilder()} {
			t.Run(name+" "+builder, func(t *testing.T) {
				t.Parallel()
				dest := filepath.Join(t.TempDir(), "layout")
				b := build{builder: builder, dir: write(t, c.files), output: "type=local,dest=" + dest}
				r := fails(t, c.says, b.args()...)
				for _, internal := range []string{".wasmfile/", "COPY ", "/in/", "LABEL "} {
					if strings.Contains(r.all(), internal) {
						t.Errorf("the message shows internals (%q):\n%s", internal, r.all())
					}
				}
				if _, err := os.Stat(filepath.Join(dest, "index.json")); err == nil {
					t.Error("a layout was written")
				}
			})
		}
	}
}

// TestPlainDockerfile: given a Wasmfile without components, the result is the
// image that a Dockerfile gives.
func TestPlainDockerfile(t *testing.T) {
	text := "ARG BUSYBOX_IMAGE\nFROM ${BUSYBOX_IMAGE}\nRUN echo built > /made\nCMD [\"cat\", \"/made\"]\n"
	dir := write(t, map[string]string{"Wasmfile": text})
	tag := unique("plain") + ":latest"
	must(t, build{builder: dockerBuilder, dir: dir, flags: []string{"--load", "-t", tag}}.args()...)
	defer try(t, "docker", "rmi", "-f", tag)
	if out := must(t, "docker", "run", "--rm", tag); out != "built" {
		t.Errorf("it prints %q", out)
	}
}
