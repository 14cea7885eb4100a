package build

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// layoutOf writes a layout whose index has an image of each tag.
func layoutOf(t *testing.T, dir string, tags ...string) string {
	t.Helper()
	var index ocispec.Index
	for _, tag := range tags {
		index.Manifests = append(index.Manifests, ocispec.Descriptor{
			MediaType: ocispec.MediaTypeImageManifest, Digest: digest.FromString(tag), Size: 1,
			Annotations: map[string]string{ocispec.AnnotationRefName: tag},
		})
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, document := range map[string]any{ocispec.ImageLayoutFile: ocispec.ImageLayout{Version: ocispec.ImageLayoutVersion}, ocispec.ImageIndexFile: index} {
		encoded, err := json.Marshal(document)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), encoded, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestFindImage: given what --build-context says of a layout, the image that it
// names.
func TestFindImage(t *testing.T) {
	one := layoutOf(t, filepath.Join(t.TempDir(), "one"), "1")
	two := layoutOf(t, filepath.Join(t.TempDir(), "two"), "latest", "1.0")
	colon := layoutOf(t, filepath.Join(t.TempDir(), "a:b"), "1")
	for path, tag := range map[string]string{
		one: "1", one + ":1": "1", one + ":latest": "1", one + "/": "1",
		two + ":latest": "latest", two + ":1.0": "1.0", colon: "1", colon + ":1": "1",
	} {
		dir, found, err := findImage(path)
		if want := digest.FromString(tag).String(); err != nil || found != want || !strings.HasPrefix(path, dir) {
			t.Errorf("%s is %s in %s (%v), not the image %s", path, found, dir, err, tag)
		}
	}
	for path, says := range map[string]string{
		one + ":2": `no image "2"`, two: "latest, 1.0", two + ":3": "latest, 1.0", filepath.Join(one, "none") + ":1": "no such file",
	} {
		if _, _, err := findImage(path); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: the error is %v; it has to say %q", path, err, says)
		}
	}
}
