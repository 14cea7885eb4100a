package images

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/wasmfile/wasmfile/pkg/artifact"
)

// TestDiff: given two artifacts, each layer of both is in the list once, with
// what happened to it.
func TestDiff(t *testing.T) {
	for name, c := range map[string]struct{ from, to, want []string }{
		"the same":         {[]string{"a", "b"}, []string{"b", "a"}, []string{"same a +0", "same b +0"}},
		"changed":          {[]string{"a=old"}, []string{"a=newer"}, []string{"changed a +2"}},
		"added":            {[]string{"a"}, []string{"a", "b=four"}, []string{"same a +0", "added b +4"}},
		"removed":          {[]string{"a", "b=four"}, []string{"a"}, []string{"same a +0", "removed b -4"}},
		"renamed":          {[]string{"a=x"}, []string{"b=x"}, []string{"renamed a -> b +0"}},
		"copied":           {[]string{"a=x"}, []string{"a=x", "b=x"}, []string{"same a +0", "added b +1"}},
		"swapped":          {[]string{"a=x", "b=y"}, []string{"a=y", "b=x"}, []string{"changed a +0", "changed b +0"}},
		"one of two twins": {[]string{"a=x", "b=x"}, []string{"c=x"}, []string{"renamed a -> c +0", "removed b -1"}},
	} {
		var got []string
		for _, d := range diff(made(c.from...), made(c.to...)) {
			if d.Name != "(config)" {
				got = append(got, fmt.Sprintf("%s %s %+d", d.Change, d.Name, d.Bytes))
			}
		}
		if strings.Join(got, ", ") != strings.Join(c.want, ", ") {
			t.Errorf("%s: %q, not %q", name, got, c.want)
		}
	}
}

// TestWIT: given components, their worlds follow each other below their names,
// and a core module is said to have none.
func TestWIT(t *testing.T) {
	var out bytes.Buffer
	err := writeWIT(&out, &Inspected{Components: []InspectedComponent{
		{Name: "a\x1b.wasm", wit: "world a {\n}\n"},
		{Name: "core.wasm"},
	}})
	want := "// \"a\\x1b.wasm\", \nworld a {\n}\n\n// core.wasm, \n// a core module: it has no world\n"
	if err != nil || out.String() != want {
		t.Errorf("%v\n%s", err, out.String())
	}
	for component, want := range map[string]string{"My App.wasm": "my-app", "1.wasm": "component-1", "_.wasm": "file"} {
		if got := worldName(component); got != want {
			t.Errorf("the world of %s is %s, not %s", component, got, want)
		}
	}
}

// made is an artifact with components of these names, whose digests are of the
// names too, or of what follows an "=".
func made(names ...string) *artifact.Artifact {
	a := &artifact.Artifact{}
	for _, name := range names {
		name, content, ok := strings.Cut(name, "=")
		if !ok {
			content = name
		}
		layer := ocispec.Descriptor{
			MediaType: artifact.MediaTypeComponentLayer, Digest: ocispec.DescriptorEmptyJSON.Digest.Algorithm().FromString(content),
			Size: int64(len(content)), Annotations: map[string]string{ocispec.AnnotationTitle: name},
		}
		a.Manifest.Layers = append(a.Manifest.Layers, layer)
	}
	return a
}
