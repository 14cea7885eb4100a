package images

import (
	"slices"
	"testing"

	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/wasmfile/wasmfile/pkg/artifact"
)

func TestFilesAreNamedAsTheyAreStarted(t *testing.T) {
	for want, config := range map[string]dockerspec.DockerOCIImageConfig{
		"/app.wasm": {ImageConfig: ocispec.ImageConfig{Entrypoint: []string{"/app.wasm", "serve"}}},
		"/cmd.wasm": {ImageConfig: ocispec.ImageConfig{Cmd: []string{"/cmd.wasm"}}},
		"-":         {},
	} {
		a := &artifact.Artifact{Form: artifact.FormImage, Config: dockerspec.DockerOCIImage{Config: config}}
		if got := componentNames(a); !slices.Equal(got, []string{want}) {
			t.Errorf("the components are %q, not %s", got, want)
		}
	}
}
