package build

import (
	"slices"
	"strings"
	"testing"

	"github.com/moby/buildkit/client"

	"github.com/wasmfile/wasmfile/frontend/gateway"
)

// TestTagsNameOutputs: given tags and an output, images have all of them as names,
// a layout the first.
func TestTagsNameOutputs(t *testing.T) {
	const one, both = "docker.io/library/a:1", "docker.io/library/a:1,docker.io/library/b:latest"
	for _, c := range []struct {
		exporter  string
		platforms []string
		args      []string
		image     string
		layout    []string
	}{
		{exporter: client.ExporterTar, layout: []string{gateway.ArgName + "=" + one}},
		{exporter: client.ExporterLocal, args: []string{"X=1"}, layout: []string{"X=1", gateway.ArgName + "=" + one}},
		{exporter: client.ExporterTar, args: []string{gateway.ArgName + "=x"}, layout: []string{gateway.ArgName + "=x"}},
		{exporter: client.ExporterTar, args: []string{gateway.ArgName}, layout: []string{gateway.ArgName}},
		{exporter: client.ExporterOCI, platforms: []string{"wasi/wasm"}, image: both},
	} {
		o := Options{Tags: []string{"a:1", "b"}, Request: Request{Platforms: c.platforms, BuildArgs: c.args}}
		exports := []client.ExportEntry{{Type: c.exporter, Attrs: map[string]string{}}}
		if err := o.nameExports(t.Context(), exports); err != nil {
			t.Fatal(err)
		}
		if got := exports[0].Attrs["name"]; got != c.image || !slices.Equal(o.Request.BuildArgs, c.layout) {
			t.Errorf("%+v: the image is called %q, the build arguments are %v", c, got, o.Request.BuildArgs)
		}
	}
	o := Options{Tags: []string{"NOT A NAME"}}
	if err := o.nameExports(t.Context(), nil); err == nil {
		t.Error("what is no name is one")
	}
}

// TestAnnotationsOfOutputs: given an output with annotations, which BuildKit would leave
// out, there is no build, and the error says where they belong.
func TestAnnotationsOfOutputs(t *testing.T) {
	t.Chdir(t.TempDir())
	for output, says := range map[string]string{
		"type=tar,dest=x.tar,annotation.team=web":                                               "write `ANNOTATION team=web` into the Wasmfile",
		"type=local,dest=x,annotation-manifest[wasip2/wasm].org.opencontainers.image.title=a b": "write `ANNOTATION org.opencontainers.image.title=a b` into the Wasmfile",
	} {
		err := Run(t.Context(), Options{Outputs: []string{output}, Request: Request{Address: "unix:///none"}})
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", output, err)
		}
	}
}
