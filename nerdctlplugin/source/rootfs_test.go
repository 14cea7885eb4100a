package source

import (
	"slices"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/wasmfile/wasmfile/pkg/artifact"
)

func TestFilesystemLayersAloneAreCounted(t *testing.T) {
	component, files := digest.FromString("component"), digest.FromString("files")
	a := &artifact.Artifact{}
	a.Manifest.Layers = []ocispec.Descriptor{
		{MediaType: artifact.MediaTypeComponentLayer, Digest: component},
		{MediaType: artifact.MediaTypeComponentLayer, Digest: component},
		{MediaType: ocispec.MediaTypeImageLayerGzip, Digest: digest.FromString("gz")},
	}
	for name, diffIDs := range map[string][]digest.Digest{
		"all":   {component, component, files},
		"files": {files},
	} {
		a.Config.RootFS.DiffIDs = diffIDs
		if got := FilesystemDiffIDs(a); !slices.Equal(got, []digest.Digest{files}) {
			t.Errorf("counted %s: %v", name, got)
		}
	}
}
