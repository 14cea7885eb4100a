package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
)

// greetWith makes a build context of the greet component and a Wasmfile.
func greetWith(t *testing.T, wasmfile string) string {
	t.Helper()
	return write(t, map[string]string{"greet.wasm": greetWasm(t), "Wasmfile": wasmfile})
}

// push copies a layout to the sandbox's registry.
func push(t *testing.T, layout, name string) string {
	t.Helper()
	ref := registry() + "/forms/" + unique(name) + ":latest"
	must(t, "oras", "cp", "--no-tty", "--from-oci-layout", layout+":latest", "--to-plain-http", ref)
	return ref
}

// TestCNCFForm: given the form by build argument or directive, both builders
// make the same artifact, with the component under its file's digest, and the
// plugin runs it.
func TestCNCFForm(t *testing.T) {
	const plain = "FROM scratch\nCOMPONENT greet.wasm\n"
	byArgument := build{dir: greetWith(t, plain), flags: []string{"--build-arg", "WASMFILE_FORM=cncf"}}
	byDirective := build{dir: greetWith(t, "# syntax=wasmfile/frontend:1\n# form=cncf\n# escape=`\n"+plain)}
	var layout, want string
	for _, builder := range []string{dockerBuilder, buildkitBuilder()} {
		for _, b := range []build{byArgument, byDirective} {
			b.builder = builder
			layout = b.layout(t)
			got := layoutDigest(t, layout)
			if want != "" && got != want {
				t.Errorf("%s builds %s with %q, not %s", builder, got, b.flags, want)
			}
			want = got
		}
	}
	var manifest struct {
		Config descriptor
		Layers []descriptor
	}
	blob(t, layout, want, &manifest)
	if manifest.Config.MediaType != "application/vnd.wasm.config.v0+json" || len(manifest.Layers) != 1 || manifest.Layers[0].MediaType != "application/wasm" {
		t.Errorf("manifest %+v", manifest)
	}
	if sum := "sha256:" + fileSum(t, filepath.Join(example("greet"), "greet.wasm")); manifest.Layers[0].Digest != sum {
		t.Errorf("the component is %s, its file %s", manifest.Layers[0].Digest, sum)
	}
	ref := push(t, layout, "cncf")
	defer try(t, "nerdctl", "rmi", "-f", ref)
	if out := must(t, append(wasmRun(ref), "you")...); out != "Hello, you!" {
		t.Errorf("it prints %q", out)
	}
	name := unique("cncf") + ":latest"
	must(t, "nerdctl", "wasm", "build", "--progress", "plain", "--build-arg", "WASMFILE_FORM=cncf", "-t", name, byArgument.dir)
	defer try(t, "nerdctl", "rmi", "-f", name)
	if got := must(t, "nerdctl", "wasm", "inspect", "--format", "{{.Descriptor.Digest}}", name); got != want {
		t.Errorf("nerdctl wasm builds %s, buildx %s", got, want)
	}

	// The argument wins over the directive.
	byDirective.builder, byDirective.flags = buildkitBuilder(), []string{"--build-arg", "WASMFILE_FORM=oci"}
	byArgument.builder, byArgument.flags = buildkitBuilder(), nil
	if a, b := layoutDigest(t, byDirective.layout(t)), layoutDigest(t, byArgument.layout(t)); a != b {
		t.Errorf("WASMFILE_FORM=oci and no directive give %s and %s", a, b)
	}
}

// TestFormErrors: given what a form or a compression cannot be, an error that
// names the line or the build argument.
func TestFormErrors(t *testing.T) {
	const head = "FROM scratch\nCOMPONENT greet.wasm\n"
	cases := map[string]struct {
		wasmfile string
		args     []string
		says     []string
	}{
		"an unknown directive":   {"# form=docker\n" + head, nil, []string{"Wasmfile:1", `"docker"`}},
		"an unknown form":        {head, []string{"WASMFILE_FORM=docker"}, []string{"WASMFILE_FORM", `"docker"`}},
		"an unknown compression": {head, []string{"WASMFILE_COMPRESSION=lz4"}, []string{"WASMFILE_COMPRESSION", `"lz4"`}},
		"an unknown level":       {head, []string{"WASMFILE_COMPRESSION_LEVEL=10"}, []string{"WASMFILE_COMPRESSION_LEVEL", "0 to 9"}},
		"files":                  {head + "COPY Wasmfile /\n", []string{"WASMFILE_FORM=cncf"}, []string{"Wasmfile:3", "COPY", "form cncf"}},
		"environment":            {"# form=cncf\n" + head + "ENV A=1\n", nil, []string{"Wasmfile:4", "ENV"}},
		"two components":         {head + "COMPONENT --name=b greet.wasm\n", []string{"WASMFILE_FORM=cncf"}, []string{"Wasmfile:3", "form cncf", "greet.wasm", "b"}},
		"a base image":           {"FROM " + busybox() + "\nCOMPONENT greet.wasm\n", []string{"WASMFILE_FORM=cncf"}, []string{"Wasmfile:1", "form cncf"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := build{builder: buildkitBuilder(), output: "type=local,dest=" + filepath.Join(t.TempDir(), "layout")}
			b.dir = greetWith(t, c.wasmfile)
			for _, arg := range c.args {
				b.flags = append(b.flags, "--build-arg", arg)
			}
			r := fails(t, c.says, b.args()...)
			for _, internal := range []string{".wasmfile/", "/run/wasmfile"} {
				if strings.Contains(r.all(), internal) {
					t.Errorf("the message shows internals (%q):\n%s", internal, r.all())
				}
			}
		})
	}
}

// TestCompressedFiles: given a compression of the filesystem layer, both
// builders make the same artifact, every client pulls and runs it, and the
// component keeps its file's digest.
func TestCompressedFiles(t *testing.T) {
	poem := readFile(t, filepath.Join(example("files"), "poem.txt"))
	seen := make(map[string]string)
	var component digest.Digest
	for mediaType, args := range map[string][]string{
		"application/vnd.oci.image.layer.v1.tar+gzip": {"WASMFILE_COMPRESSION=gzip", "WASMFILE_COMPRESSION_LEVEL=9"},
		"application/vnd.oci.image.layer.v1.tar+zstd": {"WASMFILE_COMPRESSION=zstd"},
		"application/vnd.oci.image.layer.v1.tar":      {"WASMFILE_COMPRESSION=uncompressed"},
	} {
		t.Run(args[0], func(t *testing.T) {
			b := build{builder: buildkitBuilder(), dir: example("files")}
			for _, arg := range args {
				b.flags = append(b.flags, "--build-arg", arg)
			}
			layout := b.layout(t)
			want := layoutDigest(t, layout)
			b.builder = dockerBuilder
			if got := layoutDigest(t, b.layout(t)); got != want {
				t.Errorf("dockerd builds %s, buildkitd %s", got, want)
			}
			if other, again := seen[want]; again {
				t.Errorf("%s has the digest of %s", args, other)
			}
			seen[want] = args[0]
			var manifest struct{ Layers []descriptor }
			blob(t, layout, want, &manifest)
			if got := manifest.Layers[1].MediaType; got != mediaType {
				t.Errorf("media type %s", got)
			}
			if got := digest.Digest(manifest.Layers[0].Digest); component != "" && got != component {
				t.Errorf("the component is %s, and %s with another compression", got, component)
			} else {
				component = got
			}
			ref := push(t, layout, "compressed")
			defer try(t, "nerdctl", "rmi", "-f", ref)
			defer try(t, "docker", "rmi", "-f", ref)
			for _, c := range clients {
				c.pull(t, ref)
				if out := must(t, c.run(ref, nil)...); !strings.HasPrefix(out, poem) {
					t.Errorf("%s: it prints %q", c.name, out)
				}
			}
		})
	}
}

// TestBuildMetadata: given --metadata-file, it has the artifact's digest,
// descriptor, form and components as JSON.
func TestBuildMetadata(t *testing.T) {
	for _, builder := range []string{dockerBuilder, buildkitBuilder()} {
		t.Run(builder, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "metadata.json")
			layout := build{builder: builder, dir: example("files"), flags: []string{"--metadata-file", file}}.layout(t)
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var metadata struct {
				Digest     string       `json:"frontend.wasmfile.digest"`
				Form       string       `json:"frontend.wasmfile.form"`
				Descriptor descriptor   `json:"frontend.wasmfile.descriptor"`
				Components []descriptor `json:"frontend.wasmfile.components"`
			}
			if err := json.Unmarshal(content, &metadata); err != nil {
				t.Fatalf("%v: %s", err, content)
			}
			want := layoutDigest(t, layout)
			var manifest struct{ Layers []descriptor }
			blob(t, layout, want, &manifest)
			if metadata.Digest != want || metadata.Descriptor.Digest != want || metadata.Form != "oci" {
				t.Errorf("the artifact is %s, the metadata %s", want, content)
			}
			if len(metadata.Components) != 1 || !reflect.DeepEqual(metadata.Components[0], manifest.Layers[0]) {
				t.Errorf("components %+v, not %+v", metadata.Components, manifest.Layers[:1])
			}
		})
	}
}
