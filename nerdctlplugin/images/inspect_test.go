package images

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/wasmfile/wasmfile/pkg/artifact"
	"github.com/wasmfile/wasmfile/pkg/wasm"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// TestInspectTable: given artifacts, what a person sees of them.
func TestInspectTable(t *testing.T) {
	created := time.Unix(1_700_000_000, 0)
	component := ocispec.Descriptor{MediaType: artifact.MediaTypeComponentLayer, Digest: digest.FromString("a"), Size: 2_345_678}
	component.Annotations = map[string]string{ocispec.AnnotationTitle: "greet.wasm"}
	module := ocispec.Descriptor{MediaType: artifact.MediaTypeWasm, Digest: digest.FromString("b"), Size: 99}
	files := ocispec.Descriptor{MediaType: ocispec.MediaTypeImageLayerGzip, Digest: digest.FromString("c"), Size: 1000}
	hostile := ocispec.Descriptor{MediaType: "text/\x1b[31m", Digest: digest.FromString("d"), Annotations: map[string]string{ocispec.AnnotationTitle: "\x1b]0;a\u202e\a"}}
	cases := map[string]*Inspected{
		"full": {
			Name: "registry.example/greet:1", Form: artifact.FormOCI,
			Descriptor: ocispec.Descriptor{Digest: digest.FromString("m"), Size: 600},
			Manifest: ocispec.Manifest{
				Config: ocispec.Descriptor{Size: 700}, Layers: []ocispec.Descriptor{component, files, hostile},
				Annotations: map[string]string{"org.opencontainers.image.title": "greet"},
			},
			Config: dockerspec.DockerOCIImage{
				Image: ocispec.Image{Created: &created, Platform: ocispec.Platform{OS: "wasip2", Architecture: "wasm"}},
				Config: dockerspec.DockerOCIImageConfig{ImageConfig: ocispec.ImageConfig{
					Entrypoint: []string{"greet"}, Cmd: []string{"world"}, Env: []string{"A=b"}, WorkingDir: "/data", User: "1000",
					ExposedPorts: map[string]struct{}{"8080/tcp": {}, "53/udp": {}}, StopSignal: "SIGTERM",
					Labels: map[string]string{"who": "me", artifact.AnnotationLayers: "[]", artifact.LabelComponentPrefix + "greet.wasm": "{}"},
				}},
			},
			Components: []InspectedComponent{{
				Name: "greet.wasm", Descriptor: component, Kind: wasm.KindComponent, WASI: 2,
				Imports: []string{"wasi:cli/stdout@0.2.0"}, Exports: []string{"wasi:cli/run@0.2.0"},
			}},
		},
		"least": {
			Name: "x", Form: artifact.FormCNCF,
			Descriptor: ocispec.Descriptor{Digest: digest.FromString("n")},
			Manifest:   ocispec.Manifest{Layers: []ocispec.Descriptor{module}},
			Config:     dockerspec.DockerOCIImage{Image: ocispec.Image{Platform: ocispec.Platform{OS: "wasip1", Architecture: "wasm"}}},
			Components: []InspectedComponent{{Name: module.Digest.String(), Descriptor: module, Kind: wasm.KindModule}},
		},
	}
	for name, inspected := range cases {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			if err := writeInspected(&out, inspected); err != nil {
				t.Fatal(err)
			}
			golden := filepath.Join("testdata", "inspect", name+".golden")
			if *update {
				if err := os.MkdirAll(filepath.Dir(golden), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(golden, out.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil || !bytes.Equal(out.Bytes(), want) {
				t.Errorf("shows\n%s\nnot\n%s(%v)", out.Bytes(), want, err)
			}
		})
	}
}
