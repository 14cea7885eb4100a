package containers

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/containerd/containerd/v2/core/containers"
	"github.com/containerd/nerdctl/v2/pkg/api/types"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/wasmfile/wasmfile/nerdctlplugin/advice"
	"github.com/wasmfile/wasmfile/pkg/artifact"
)

func twoComponents(entrypoint ...string) *artifact.Artifact {
	a := &artifact.Artifact{
		Form:       artifact.FormOCI,
		Descriptor: ocispec.Descriptor{MediaType: ocispec.MediaTypeImageManifest, Digest: digest.FromString("manifest"), Size: 8},
		Config:     dockerspec.DockerOCIImage{Image: ocispec.Image{Platform: ocispec.Platform{OS: "wasip2", Architecture: "wasm"}}},
	}
	a.Config.Config.Entrypoint = entrypoint
	for _, name := range []string{"a.wasm", "b.wasm"} {
		a.Manifest.Layers = append(a.Manifest.Layers, ocispec.Descriptor{
			MediaType: artifact.MediaTypeComponentLayer, Digest: digest.FromString(name), Size: 6,
			Annotations: map[string]string{ocispec.AnnotationTitle: name},
		})
	}
	return a
}

// inFiles is an image whose component is a file.
func inFiles(entrypoint ...string) *artifact.Artifact {
	a := twoComponents(entrypoint...)
	a.Form = artifact.FormImage
	a.Manifest.Layers = []ocispec.Descriptor{{MediaType: ocispec.MediaTypeImageLayerGzip, Digest: digest.FromString("files"), Size: 5}}
	return a
}

// TestFilesAreNamedByTheEntrypoint: given an image whose component is a file, its
// entrypoint or an argument has to say which.
func TestFilesAreNamedByTheEntrypoint(t *testing.T) {
	o := types.ContainerCreateOptions{}
	if err := checkEntry(inFiles("/app.wasm"), nil, o); err != nil {
		t.Error(err)
	}
	if err := checkEntry(inFiles(), []string{"/app.wasm"}, o); err != nil {
		t.Error(err)
	}
	if err := checkEntry(inFiles(), nil, o); err == nil || !strings.Contains(err.Error(), "ENTRYPOINT") {
		t.Errorf("one without says %v", err)
	}
	for call, want := range map[string]string{"f(1)": "/app.wasm#f(1)", "/other.wasm#f": "/other.wasm#f"} {
		run := RunOptions{Invoke: call}
		if err := invoke(inFiles("/app.wasm"), &run); err != nil || run.Create.Entrypoint[0] != want {
			t.Errorf("%s starts %q, %v", call, run.Create.Entrypoint, err)
		}
	}
}

func TestEntryIsCheckedBeforeThereIsAContainer(t *testing.T) {
	cases := map[string]struct {
		entrypoint []string // the artifact's
		flag, args []string
		ok         bool
	}{
		"the artifact's":            {[]string{"a"}, nil, []string{"x"}, true},
		"none":                      {nil, nil, nil, false},
		"an argument instead":       {nil, nil, []string{"b"}, true},
		"a wrong argument instead":  {nil, nil, []string{"c"}, false},
		"the flag's":                {[]string{"nope"}, []string{"b.wasm"}, nil, true},
		"a wrong one of the flag":   {[]string{"a"}, []string{"nope"}, nil, false},
		"an empty flag, as nothing": {[]string{"a"}, []string{}, []string{"b"}, true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			err := checkEntry(twoComponents(c.entrypoint...), c.args, types.ContainerCreateOptions{Entrypoint: c.flag, EntrypointChanged: c.flag != nil})
			if (err == nil) != c.ok {
				t.Errorf("the error is %v", err)
			}
			if err != nil && !strings.Contains(err.Error(), "a.wasm, b.wasm") {
				t.Errorf("%v does not list the components", err)
			}
		})
	}
}

func TestContainerIsDescribedByTheManifest(t *testing.T) {
	a := twoComponents("a")
	given := types.ContainerCreateOptions{Annotations: []string{"mine=1"}, Label: []string{"l=1"}}
	o := given
	if err := describe(a, &o); err != nil {
		t.Fatal(err)
	}
	if o.Platform != "wasip2/wasm" {
		t.Errorf("the platform is %q", o.Platform)
	}
	for i, layer := range a.Manifest.Layers {
		if label := gcContainerLabel + string(rune('0'+i)) + "=" + layer.Digest.String(); !slices.Contains(o.Label, label) {
			t.Errorf("no label %s in %v", label, o.Label)
		}
	}
	want, err := a.RuntimeAnnotations()
	if err != nil {
		t.Fatal(err)
	}
	for key, value := range want {
		if !slices.Contains(o.Annotations, key+"="+value) {
			t.Errorf("no annotation %s in %v", key, o.Annotations)
		}
	}
	if label := gcContainerLabel + "manifest=" + a.Descriptor.Digest.String(); !slices.Contains(o.Label, label) {
		t.Errorf("no label %s in %v", label, o.Label)
	}
	if len(o.Annotations) != len(want)+1 || len(o.Label) != 4 || len(given.Annotations) != 1 {
		t.Errorf("the user's are not kept: %v, %v", o.Annotations, o.Label)
	}
}

func TestUsersCannotSetWhatTheManifestSays(t *testing.T) {
	for annotation, ok := range map[string]bool{
		"io.github.wasmfile.network=allow":        true,
		"io.github.wasmfile.layers=[]":            false,
		"io.github.wasmfile.manifest={}":          false,
		artifact.MediaTypeComponentLayer + "=sha": false,
		artifact.MediaTypeWasm:                    false,
	} {
		if err := checkAnnotations([]string{"a=b", annotation}); (err == nil) != ok {
			t.Errorf("%s: %v", annotation, err)
		}
	}
}

type recordingStore struct {
	containers.Store
	created containers.Container
}

func (s *recordingStore) Create(_ context.Context, c containers.Container) (containers.Container, error) {
	s.created = c
	return c, nil
}

func TestContainersHaveTheImagesNameAndLabelsThatFit(t *testing.T) {
	long := strings.Repeat("x", maxLabelSize)
	store := &recordingStore{}
	given := map[string]string{
		artifact.AnnotationLayers:             long,
		artifact.LabelComponentPrefix + "big": long,
		artifact.LabelComponentPrefix + "ok":  "{}",
		"theirs":                              long,
	}
	_, err := substitutingStore{Store: store, image: "registry.example/x:1"}.Create(context.Background(), containers.Container{Image: "stand-in", Labels: given})
	if err != nil {
		t.Fatal(err)
	}
	if store.created.Image != "registry.example/x:1" {
		t.Errorf("the image is %q", store.created.Image)
	}
	if len(store.created.Labels) != 2 || store.created.Labels["theirs"] != long {
		t.Errorf("%d labels are left", len(store.created.Labels))
	}
	if len(given) != 4 {
		t.Error("the caller's labels have changed")
	}
}

func TestRunWithoutDaemon(t *testing.T) {
	global := types.GlobalCommandOptions{Address: filepath.Join(t.TempDir(), "none.sock"), Namespace: "default"}
	err := Run(context.Background(), []string{"x"}, RunOptions{Create: types.ContainerCreateOptions{GOptions: global}})
	var told *advice.Error
	if !errors.As(err, &told) || !strings.Contains(err.Error(), "none.sock") || !strings.Contains(told.Advice, "start it") {
		t.Error(err)
	}
}
