package artifact_test

import (
	"errors"
	"slices"
	"testing"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/wasmfile/wasmfile/pkg/artifact"
)

func TestSelect(t *testing.T) {
	greet := layer(artifact.MediaTypeComponentLayer, "greet.wasm")
	shout := layer(artifact.MediaTypeComponentLayer, "shout.wasm")
	bare := layer(artifact.MediaTypeComponentLayer, "greet")
	file := layer(artifact.MediaTypeComponentLayer, "/bin/shout.wasm")
	several := []ocispec.Descriptor{greet, shout}
	cases := []struct {
		name       string
		layers     []ocispec.Descriptor
		arg0       string
		want       ocispec.Descriptor
		wantExport string
	}{
		{"by title", several, "shout.wasm", shout, ""},
		{"by title without .wasm", several, "shout", shout, ""},
		{"a leading slash is ignored", several, "/shout.wasm", shout, ""},
		{"a path", []ocispec.Descriptor{greet, file}, "bin/shout", file, ""},
		{"by digest", several, shout.Digest.String(), shout, ""},
		{"an export", several, "greet#run", greet, "run"},
		{"any argument runs the only one", several[:1], "/bin/anything", greet, ""},
		{"no argument runs the only one", several[:1], "", greet, ""},
		{"an export of the only one", several[:1], "#f", greet, "f"},
		{"the exact title wins", []ocispec.Descriptor{greet, bare}, "greet", bare, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			entry, err := artifact.Select(c.layers, c.arg0)
			if err != nil {
				t.Fatal(err)
			}
			if entry.Layer.Digest != c.want.Digest || entry.Func != c.wantExport {
				t.Errorf("%q chose %s#%s", c.arg0, artifact.Name(entry.Layer), entry.Func)
			}
		})
	}
	for _, arg0 := range []string{"", "#f", "whisper", "greet.wasm.wasm"} {
		_, err := artifact.Select(several, arg0)
		var noMatch *artifact.NoMatchError
		if !errors.As(err, &noMatch) || !slices.Equal(noMatch.Names, []string{"greet.wasm", "shout.wasm"}) {
			t.Errorf("%q among several: %v", arg0, err)
		}
	}
}

// What is named explicitly is never taken for another layer, however many
// there are.
func TestNamed(t *testing.T) {
	only := []ocispec.Descriptor{layer(artifact.MediaTypeComponentLayer, "greet.wasm")}
	entry, err := artifact.Named(only, "greet#run")
	if err != nil || entry.Layer.Digest != only[0].Digest || entry.Func != "run" {
		t.Errorf("greet#run names %+v, %v", entry, err)
	}
	for _, arg0 := range []string{"", "sh", "/bin/sh", "#run"} {
		var noMatch *artifact.NoMatchError
		if entry, err := artifact.Named(only, arg0); !errors.As(err, &noMatch) {
			t.Errorf("%q names %+v, %v", arg0, entry, err)
		}
	}
}

// TestMatch: given names, a word names the one that is it, rather than one that is it
// without ".wasm".
func TestMatch(t *testing.T) {
	names := []string{"greet.wasm", "greet", "shout.wasm"}
	for word, want := range map[string]struct {
		index    int
		function string
	}{
		"greet": {1, ""}, "greet.wasm": {0, ""}, "/shout#f": {2, "f"}, "shout.wasm#f(\"#\")": {2, "f(\"#\")"},
		"": {-1, ""}, "#f": {-1, "f"}, "shout.": {-1, ""}, "bin/shout": {-1, ""},
	} {
		if i, function := artifact.Match(names, word); i != want.index || function != want.function {
			t.Errorf("%q is %d, %q", word, i, function)
		}
	}
}
