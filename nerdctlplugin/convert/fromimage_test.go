package convert

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/containerd/containerd/v2/plugins/content/local"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/wasmfile/wasmfile/pkg/artifact"
)

// Given an image that says of itself which layers are Wasm, the artifact that is
// made of it says what they are.
func TestStoreArtifactKnowsItsLayers(t *testing.T) {
	store, err := local.NewStore(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	layer := ocispec.Descriptor{MediaType: artifact.MediaTypeComponentLayer, Digest: digest.FromString("component"), Size: 9}
	config := dockerspec.DockerOCIImage{Image: ocispec.Image{Platform: ocispec.Platform{OS: "wasip2", Architecture: "wasm"}}}
	config.Config.Labels = map[string]string{artifact.AnnotationLayers: "[]", "kept": "yes"}
	made, err := storeArtifact(t.Context(), store, ocispec.Manifest{}, config, layer)
	if err != nil {
		t.Fatal(err)
	}
	labels := made.Config.Config.Labels
	if want := `[{"mediaType":"` + layer.MediaType + `","digest":"` + layer.Digest.String() + `","size":9}]`; labels[artifact.AnnotationLayers] != want || labels["kept"] != "yes" {
		t.Errorf("the labels are %v", labels)
	}
	if config.Config.Labels[artifact.AnnotationLayers] != "[]" {
		t.Error("the image's own config was changed")
	}
}

// TestOpenComponent: given an image's files, the component is what its process would start,
// else the only WebAssembly file, whatever the names.
func TestOpenComponent(t *testing.T) {
	const module = "\x00asm\x01\x00\x00\x00"
	app, lib := map[string]string{"bin/app": module}, map[string]string{"bin/app": module, "lib/add.wasm": module}
	cases := map[string]struct {
		files      map[string]string
		entrypoint string
		want       string // a name, or after "!" a part of the error
	}{
		"an entrypoint":                 {lib, "/bin/app", "/bin/app"},
		"an export of an entrypoint":    {lib, "/lib/add.wasm#add", "/lib/add.wasm"},
		"a name in PATH":                {lib, "app", "app"},
		"no entrypoint":                 {app, "", "bin/app"},
		"an entrypoint that is no Wasm": {map[string]string{"run.wasm": "#!/bin/sh", "app": module}, "/run.wasm", "app"},
		"several":                       {lib, "", "!which of bin/app, lib/add.wasm is to run"},
		"no Wasm":                       {map[string]string{"app.wasm": "text"}, "/app.wasm", "!" + artifact.ErrNoWasm.Error()},
	}
	for name, c := range cases {
		dir := t.TempDir()
		for file, content := range c.files {
			path := filepath.Join(dir, file)
			if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(content), 0o644)); err != nil {
				t.Fatal(err)
			}
		}
		root, err := os.OpenRoot(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer root.Close()
		config := dockerspec.DockerOCIImageConfig{}
		config.Env = []string{"PATH=/bin"}
		if c.entrypoint != "" {
			config.Entrypoint = []string{c.entrypoint}
		}
		file, got, err := openComponent(root, config)
		if part, isError := strings.CutPrefix(c.want, "!"); isError {
			if err == nil || !strings.Contains(err.Error(), part) {
				t.Errorf("%s: %q, %v", name, got, err)
			}
		} else if err != nil || got != c.want {
			t.Errorf("%s: %q, %v", name, got, err)
		}
		if file != nil {
			file.Close()
		}
	}
}
