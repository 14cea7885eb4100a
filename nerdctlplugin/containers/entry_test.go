package containers

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/wasmfile/wasmfile/pkg/artifact"
	"github.com/wasmfile/wasmfile/pkg/unpack"
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

// TestCheckPulled: given an artifact of which a.wasm was pulled and b.wasm not, only a
// container that starts b.wasm lacks something.
func TestCheckPulled(t *testing.T) {
	for _, c := range []struct {
		entrypoint, invoke string
		args               []string
		lacks              bool
	}{
		{"a", "", []string{"b"}, false},
		{"b", "", nil, true},
		{"", "", []string{"a"}, false},
		{"", "", []string{"b"}, true},
		{"a", "f", nil, false},
		{"a", "b#f", nil, true},
		{"b", "a#f", nil, false},
		{"b", `f("a#b")`, nil, true},
		{"other", "", nil, false}, // said with what there is to choose from
	} {
		a := twoComponents(strings.Fields(c.entrypoint)...)
		err := checkPulled(&unpack.Image{Artifact: a, Missing: a.Manifest.Layers[1:]}, c.args, RunOptions{Invoke: c.invoke})
		if errors.Is(err, unpack.ErrIncomplete) != c.lacks || err != nil && !c.lacks {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

func TestHostEnvDoesNotReplaceTheImages(t *testing.T) {
	got := hostEnv([]string{"A=1", "B=2", "=odd"}, []string{"B=image"})
	if !slices.Equal(got, []string{"A=1"}) {
		t.Errorf("the guest gets %v", got)
	}
}
