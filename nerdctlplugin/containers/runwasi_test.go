package containers

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/errdefs"
	"github.com/containerd/nerdctl/v2/pkg/api/types"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/wasmfile/wasmfile/nerdctlplugin/advice"
	"github.com/wasmfile/wasmfile/nerdctlplugin/daemon"
	"github.com/wasmfile/wasmfile/pkg/artifact"
	"github.com/wasmfile/wasmfile/pkg/unpack"
)

// oneBlob is a content store that holds one blob.
type oneBlob []byte

func (b oneBlob) ReaderAt(_ context.Context, desc ocispec.Descriptor) (content.ReaderAt, error) {
	if desc.Digest != digest.FromBytes(b) {
		return nil, errdefs.ErrNotFound
	}
	return blobReader{bytes.NewReader(b)}, nil
}

type blobReader struct{ *bytes.Reader }

func (blobReader) Close() error { return nil }

// ofType makes an artifact of components of a media type.
func ofType(mediaType string, names ...string) *artifact.Artifact {
	a := twoComponents("a")
	a.Manifest.Layers = nil
	for _, name := range names {
		a.Manifest.Layers = append(a.Manifest.Layers, ocispec.Descriptor{
			MediaType: mediaType, Digest: digest.FromString(name), Size: 6,
			Annotations: map[string]string{ocispec.AnnotationTitle: name},
		})
	}
	return a
}

func TestRunwasiGetsOnlyWhatItRuns(t *testing.T) {
	const ours, cncf, content = artifact.MediaTypeComponentLayer, artifact.MediaTypeWasm, "application/vnd.wasm.content.layer.v1+wasm"
	bare := ofType(cncf, "a.wasm")
	bare.Config.Platform = ocispec.Platform{}
	application := ofType(content, "a.wasm", "b.wasm")
	application.Manifest.Layers = append(application.Manifest.Layers, ocispec.Descriptor{MediaType: "application/vnd.fermyon.spin.application.v1+config"})
	for name, c := range map[string]struct {
		runtime  string
		artifact *artifact.Artifact
		says     []string // none when it is to run
	}{
		"ours":                          {daemon.DefaultRuntime, ofType(ours, "a.wasm", "b.wasm"), nil},
		"one that nobody knows":         {"io.containerd.other.v1", ofType(content, "a.wasm", "b.wasm"), nil},
		"runc's":                        {"io.containerd.runc.v2", ofType(ours, "a.wasm", "b.wasm"), nil},
		"one component":                 {"io.containerd.wasmtime.v1", ofType(ours, "a.wasm"), nil},
		"one of the CNCF's form":        {"io.containerd.wasmer.v1", ofType(cncf, "a.wasm"), nil},
		"several":                       {"io.containerd.wasmtime.v1", ofType(ours, "a.wasm", "b.wasm"), []string{"io.containerd.wasmtime.v1", "runs one component", "a.wasm, b.wasm", "leave out --runtime"}},
		"several, another engine":       {"io.containerd.wamr.v1", ofType(ours, "a.wasm", "b.wasm"), []string{"io.containerd.wamr.v1", "runs one component"}},
		"a type that it does not read":  {"io.containerd.wasmedge.v1", ofType(content, "a.wasm"), []string{"a.wasm is of " + content, "convert --form oci"}},
		"a config that says nothing":    {"io.containerd.wasmtime.v1", bare, []string{"architecture", "convert --form oci"}},
		"spin, a type it does not read": {"io.containerd.spin.v2", ofType(ours, "a.wasm"), []string{"a.wasm is of " + ours, "convert --form cncf"}},
		"spin, several":                 {"io.containerd.spin.v2", ofType(content, "a.wasm", "b.wasm"), []string{"a.wasm, b.wasm"}},
		"spin, an application":          {"io.containerd.spin.v2", application, nil},
		"spin, the CNCF's form":         {"io.containerd.spin.v2", ofType(cncf, "a.wasm"), nil},
	} {
		t.Run(name, func(t *testing.T) {
			image := &unpack.Image{Record: images.Image{Name: "registry.example/x:1", Target: c.artifact.Descriptor}, Artifact: c.artifact}
			checkRefusal(t, checkRuntime(t.Context(), nil, image, types.ContainerCreateOptions{Runtime: c.runtime}), c.says)
		})
	}
}

func checkRefusal(t *testing.T, err error, says []string) {
	t.Helper()
	var told *advice.Error
	if isRefused := errors.As(err, &told); isRefused != (len(says) > 0) || isRefused != (err != nil) {
		t.Fatalf("the error is %v", err)
	}
	for _, text := range says {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("%q does not say %q", err, text)
		}
	}
}

// The library looks for the image that the container was made of.
func TestRunwasiNeedsAnImageThatItFinds(t *testing.T) {
	a := ofType(artifact.MediaTypeComponentLayer, "a.wasm")
	encoded, err := json.Marshal(ocispec.Index{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageIndex,
		Manifests: []ocispec.Descriptor{a.Descriptor},
	})
	if err != nil {
		t.Fatal(err)
	}
	index := ocispec.Descriptor{MediaType: ocispec.MediaTypeImageIndex, Digest: digest.FromBytes(encoded), Size: int64(len(encoded))}
	files := ofType(ocispec.MediaTypeImageLayer, "")
	files.Form = artifact.FormImage
	for name, c := range map[string]struct {
		record   images.Image
		artifact *artifact.Artifact
		says     []string
	}{
		"a file":                     {images.Image{Name: localDomain + "app:1", Target: a.Descriptor}, a, []string{"a file is none", "nerdctl wasm load"}},
		"an index":                   {images.Image{Name: "x:1", Target: index}, a, []string{"this is an index", "@" + a.Descriptor.Digest.String()}},
		"an image with a .wasm file": {images.Image{Name: "x:1", Target: files.Descriptor}, files, nil},
		"an index with one":          {images.Image{Name: "x:1", Target: index}, files, nil},
	} {
		t.Run(name, func(t *testing.T) {
			image := &unpack.Image{Record: c.record, Artifact: c.artifact}
			checkRefusal(t, checkRuntime(t.Context(), oneBlob(encoded), image, types.ContainerCreateOptions{Runtime: "io.containerd.wasmtime.v1"}), c.says)
		})
	}
}

func TestRunwasiHasNoTerminals(t *testing.T) {
	image := &unpack.Image{Artifact: ofType(artifact.MediaTypeComponentLayer, "a.wasm")}
	for runtime, refused := range map[string]bool{daemon.DefaultRuntime: false, "io.containerd.wasmtime.v1": true} {
		err := checkRuntime(t.Context(), nil, image, types.ContainerCreateOptions{Runtime: runtime, TTY: true})
		if (err != nil) != refused {
			t.Errorf("%s: the error is %v", runtime, err)
		}
	}
}

// The library does not answer when there are hooks without one of this kind.
func TestHooksHaveAPrestartHook(t *testing.T) {
	for given, want := range map[string]string{
		`{"ociVersion":"1.2.0"}`:                         `{"ociVersion":"1.2.0"}`,
		`{"hooks":null}`:                                 `{"hooks":null}`,
		`{"hooks":{"poststop":[{"path":"/n"}]},"x":{}}`:  `{"hooks":{"poststop":[{"path":"/n"}],"prestart":[{"path":"/bin/cat"}]},"x":{}}`,
		`{"hooks":{"prestart":[{"path":"/m"}]},"x":[1]}`: `{"hooks":{"prestart":[{"path":"/m"}]},"x":[1]}`,
	} {
		got, err := withPrestartHook(&anypb.Any{TypeUrl: "a", Value: []byte(given)}, "/bin/cat")
		if err != nil || string(got.GetValue()) != want || got.GetTypeUrl() != "a" {
			t.Errorf("%s becomes %v, %v", given, got, err)
		}
	}
}
