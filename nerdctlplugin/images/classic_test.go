package images

import (
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
