package containers

import (
	"slices"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/wasmfile/wasmfile/pkg/artifact"
)

// TestInvokeChoosesTheEntrypoint: given what --invoke says, the entrypoint is
// the component and the call.
func TestInvokeChoosesTheEntrypoint(t *testing.T) {
	for _, c := range []struct {
		invoke, entrypoint string
		names              []string
		want               string // empty for an error
	}{
		{"f", "", []string{"a.wasm"}, "a.wasm#f"},
		{"f", "b", []string{"a.wasm", "b.wasm"}, "b.wasm#f"},
		{"f", "b#g", []string{"a.wasm", "b.wasm"}, "b.wasm#f"},
		{"a#f(1)", "b", []string{"a.wasm", "b.wasm"}, "a.wasm#f(1)"},
		{`f("a#b")`, "b", []string{"a.wasm", "b.wasm"}, `b.wasm#f("a#b")`},
		{"f", "", []string{"a.wasm", "b.wasm"}, ""},
		{"c#f", "", []string{"a.wasm", "b.wasm"}, ""},
		{"", "b", []string{"a.wasm", "b.wasm"}, "b"},
	} {
		a := &artifact.Artifact{}
		for _, name := range c.names {
			a.Manifest.Layers = append(a.Manifest.Layers, ocispec.Descriptor{
				MediaType: artifact.MediaTypeComponentLayer, Digest: digest.FromString(name), Annotations: map[string]string{ocispec.AnnotationTitle: name},
			})
		}
		var o RunOptions
		o.Invoke = c.invoke
		if c.entrypoint != "" {
			o.Create.Entrypoint, o.Create.EntrypointChanged = []string{c.entrypoint}, true
		}
		err := invoke(a, &o)
		if (err != nil) != (c.want == "") || err == nil && !slices.Equal(o.Create.Entrypoint, []string{c.want}) {
			t.Errorf("%s of %v: %v, %v; it has to be %q", c.invoke, c.names, o.Create.Entrypoint, err, c.want)
		}
	}
}

func TestHostEnvDoesNotReplaceTheImages(t *testing.T) {
	got := hostEnv([]string{"A=1", "B=2", "=odd"}, []string{"B=image"})
	if !slices.Equal(got, []string{"A=1"}) {
		t.Errorf("the guest gets %v", got)
	}
}
