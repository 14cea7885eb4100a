package source

import (
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/wasmfile/wasmfile/pkg/artifact"
)

// TestComponentOf: given a name, it is that of one component, by the rule of
// artifact.Named, and of a file also by the last part of its path.
func TestComponentOf(t *testing.T) {
	named := func(names ...string) []ocispec.Descriptor {
		var components []ocispec.Descriptor
		for _, name := range names {
			components = append(components, ocispec.Descriptor{
				MediaType: artifact.MediaTypeComponentLayer, Digest: digest.FromString(name),
				Annotations: map[string]string{ocispec.AnnotationTitle: name},
			})
		}
		return components
	}
	layers, files := named("greet.wasm", "shout.wasm"), named("/bin/app.wasm", "/lib/app.wasm", "/lib/add.wasm")
	cases := []struct {
		components []ocispec.Descriptor
		form       artifact.Form
		name       string
		want       string // a component, or after "!" a part of the error
	}{
		{layers, artifact.FormOCI, "shout.wasm", "shout.wasm"},
		{layers, artifact.FormOCI, "shout", "shout.wasm"},
		{layers, artifact.FormOCI, "/shout", "shout.wasm"},
		{layers, artifact.FormOCI, "shout#run", "shout.wasm"},
		{layers, artifact.FormOCI, layers[1].Digest.String(), "shout.wasm"},
		{layers, artifact.FormOCI, "", "!which of its components is meant? There are greet.wasm, shout.wasm"},
		{layers, artifact.FormOCI, "whisper", `!no component is named "whisper"; there are greet.wasm, shout.wasm`},
		{layers[:1], artifact.FormOCI, "", "greet.wasm"},
		{layers[:1], artifact.FormOCI, "shout", `!no component is named "shout"; there are greet.wasm`},
		{files, artifact.FormImage, "/lib/app.wasm", "/lib/app.wasm"},
		{files, artifact.FormImage, "lib/app", "/lib/app.wasm"},
		{files, artifact.FormImage, "add", "/lib/add.wasm"},
		{files, artifact.FormImage, "app", "!which app is meant? There are /bin/app.wasm, /lib/app.wasm"},
		{files, artifact.FormImage, "sub", `!no component is named "sub"`},
		{nil, artifact.FormImage, "", "!" + artifact.ErrNoWasm.Error()},
	}
	for _, c := range cases {
		src := &Source{Name: "ref", Artifact: &artifact.Artifact{Form: c.form}}
		component, err := src.ComponentOf(c.components, c.name)
		got := component.Annotations[ocispec.AnnotationTitle]
		if part, isError := strings.CutPrefix(c.want, "!"); isError {
			if err == nil || !strings.Contains(err.Error(), part) {
				t.Errorf("%q: %s, %v", c.name, got, err)
			}
		} else if err != nil || got != c.want {
			t.Errorf("%q is %q, not %q, %v", c.name, got, c.want, err)
		}
	}
}
