package e2e

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// blob reads a JSON blob of a layout.
func blob(t *testing.T, layout, digest string, v any) {
	t.Helper()
	_, encoded, _ := strings.Cut(digest, ":")
	content, err := os.ReadFile(filepath.Join(layout, "blobs", "sha256", encoded))
	if err := errors.Join(err, json.Unmarshal(content, v)); err != nil {
		t.Fatal(err)
	}
}

// TestArtifactSaysWhatTheWasmfileSays: given the example with one of every
// instruction, its manifest and config.
func TestArtifactSaysWhatTheWasmfileSays(t *testing.T) {
	layout := build{builder: buildkitBuilder(), dir: example("files")}.layout(t)
	var manifest struct {
		Config      descriptor
		Layers      []descriptor
		Annotations map[string]string
	}
	blob(t, layout, layoutDigest(t, layout), &manifest)
	var config struct {
		Architecture, OS string
		Created          *string
		RootFS           struct {
			DiffIDs []string `json:"diff_ids"`
		}
		Config struct {
			Entrypoint, Env              []string
			WorkingDir, User, StopSignal string
			Labels                       map[string]string
		}
	}
	blob(t, layout, manifest.Config.Digest, &config)

	c := config.Config
	for _, check := range []struct {
		what string
		ok   bool
	}{
		{"one Wasm layer, then one filesystem layer", len(manifest.Layers) == 2 &&
			manifest.Layers[0].MediaType == componentType && manifest.Layers[1].MediaType == "application/vnd.oci.image.layer.v1.tar+gzip"},
		{"the layer's title", manifest.Layers[0].Annotations["org.opencontainers.image.title"] == "files.wasm"},
		{"the layer's kind", manifest.Layers[0].Annotations["io.github.wasmfile.wasm.kind"] == "module"},
		{"ANNOTATION", manifest.Annotations["org.opencontainers.image.description"] == "A program and a file that it reads"},
		{"LABEL", c.Labels["org.opencontainers.image.title"] == "files"},
		{"a standard label as annotation", manifest.Annotations["org.opencontainers.image.title"] == "files"},
		{"the platform", config.Architecture == "wasm" && config.OS == "wasip1"},
		{"no creation time", config.Created == nil},
		{"one diff_id", len(config.RootFS.DiffIDs) == 1},
		{"ENTRYPOINT", slices.Equal(c.Entrypoint, []string{"files"})},
		{"ENV, and nothing else", slices.Equal(c.Env, []string{"POEM=/data/poem.txt"})},
		{"WORKDIR", c.WorkingDir == "/data"},
		{"USER", c.User == "1000"},
		{"STOPSIGNAL", c.StopSignal == "SIGTERM"},
	} {
		if !check.ok {
			t.Errorf("%s: not so in manifest %+v, config %+v", check.what, manifest, config)
		}
	}
	// The component is a blob by its own digest, and not among the files.
	_, digest, _ := strings.Cut(manifest.Layers[0].Digest, ":")
	path := filepath.Join(layout, "blobs", "sha256", digest)
	if sum := fileSum(t, path); sum != digest {
		t.Errorf("the component's blob has digest %s, not %s", sum, digest)
	}
	_, files, _ := strings.Cut(manifest.Layers[1].Digest, ":")
	list := must(t, "tar", "-tzf", filepath.Join(layout, "blobs", "sha256", files))
	if list != "data/\ndata/poem.txt" {
		t.Errorf("the filesystem layer holds\n%s", list)
	}
}
