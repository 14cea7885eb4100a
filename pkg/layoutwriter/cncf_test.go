package layoutwriter_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/wasmfile/wasmfile/pkg/artifact"
	"github.com/wasmfile/wasmfile/pkg/layoutwriter"
	"github.com/wasmfile/wasmfile/pkg/wasm"
)

// cncfSource has one component and nothing that the form has no place for.
func cncfSource(t *testing.T, info wasm.Info) layoutwriter.Source {
	t.Helper()
	src := source(t)
	src.Form = artifact.FormCNCF
	src.Components = src.Components[:1]
	src.Components[0].Info = &info
	src.RootFS = ""
	src.Config.Config.Entrypoint, src.Config.Config.Labels = []string{"a.wasm"}, nil
	return src
}

// documents are the manifest and the config of a layout, as they are written.
func documents(t *testing.T, src layoutwriter.Source) (manifest, config map[string]any, a *artifact.Artifact) {
	t.Helper()
	dir, a := written(t, src)
	for _, d := range []struct {
		desc ocispec.Descriptor
		into *map[string]any
	}{{a.Descriptor, &manifest}, {a.Manifest.Config, &config}} {
		encoded, err := artifact.ReadDocument(t.Context(), layout(dir), d.desc)
		if err := errors.Join(err, json.Unmarshal(encoded, d.into)); err != nil {
			t.Fatal(err)
		}
	}
	return manifest, config, a
}

var (
	cncfModule    = wasm.Info{Kind: wasm.KindModule, WASI: 1, Imports: []string{"wasi_snapshot_preview1"}, Exports: []string{"_start"}}
	cncfComponent = wasm.Info{Kind: wasm.KindComponent, WASI: 2, Imports: []string{"wasi:cli/stdout@0.2.3"}, Exports: []string{"wasi:cli/run@0.2.3"}}
	cncfNewest    = wasm.Info{Kind: wasm.KindComponent, WASI: 3, Exports: []string{"wasi:cli/run@0.3.0"}}
)

// TestCNCFRules holds each rule of the CNCF TAG Runtime "Wasm OCI Artifact
// layout", by the number that docs/artifact.md gives it.
func TestCNCFRules(t *testing.T) {
	src := cncfSource(t, cncfComponent)
	src.Epoch = time.Unix(1_700_000_000, 0)
	src.Config.Author = "Alyssa"
	manifest, config, a := documents(t, src)
	_, module, _ := documents(t, cncfSource(t, cncfModule))
	_, newest, _ := documents(t, cncfSource(t, cncfNewest))
	layers, _ := manifest["layers"].([]any)
	layer, _ := layers[0].(map[string]any)
	manifestConfig, _ := manifest["config"].(map[string]any)
	created, _ := config["created"].(string)
	_, timeErr := time.Parse(time.RFC3339, created)
	_, hasModule := module["component"]
	component, _ := config["component"].(map[string]any)

	for _, rule := range []struct {
		number int
		says   string
		holds  bool
	}{
		{1, "the manifest is an OCI image manifest", manifest["mediaType"] == ocispec.MediaTypeImageManifest && manifest["schemaVersion"] == 2.0},
		{2, "its config has the Wasm type", manifestConfig["mediaType"] == "application/vnd.wasm.config.v0+json"},
		{3, "every layer is application/wasm", layer["mediaType"] == "application/wasm"},
		{4, "there is one layer, which is what starts", len(layers) == 1},
		{5, "annotations are the author's own", a.Manifest.Annotations["org.opencontainers.image.title"] == "test"},
		{6, "created is an RFC 3339 time", timeErr == nil && created == "2023-11-14T22:13:20Z"},
		{7, "author is a string", config["author"] == "Alyssa"},
		{8, "architecture is wasm", config["architecture"] == "wasm" && module["architecture"] == "wasm"},
		{9, "os is wasip1 for a module and wasip2 for a component", module["os"] == "wasip1" && config["os"] == "wasip2" && newest["os"] == "wasip2"},
		{10, "layerDigests are those of the layers in order", reflect.DeepEqual(config["layerDigests"], []any{layer["digest"]})},
		{11, "component is there for a component", component != nil},
		{12, "its exports and imports are lists of names", reflect.DeepEqual(component["exports"], []any{"wasi:cli/run@0.2.3"}) &&
			reflect.DeepEqual(component["imports"], []any{"wasi:cli/stdout@0.2.3"})},
		{13, "no list is null", reflect.DeepEqual(newest["component"], map[string]any{"exports": []any{"wasi:cli/run@0.3.0"}, "imports": []any{}})},
		{14, "component is null for a module", hasModule && module["component"] == nil},
		{15, "nothing else is in the config", slices.Equal(keys(config), []string{"architecture", "author", "component", "created", "layerDigests", "os"})},
	} {
		if !rule.holds {
			t.Errorf("rule %d, %s: not so in manifest %v, config %v, of a module %v", rule.number, rule.says, manifest, config, module)
		}
	}
	checkComponentDigests(t, src, a)
	if a.Form != artifact.FormCNCF {
		t.Errorf("it is read as form %s", a.Form)
	}
}

func keys(m map[string]any) []string {
	var all []string
	for k := range m {
		all = append(all, k)
	}
	slices.Sort(all)
	return all
}

// TestCNCFWithoutTimeOrAuthor: given neither SOURCE_DATE_EPOCH nor MAINTAINER,
// created is there all the same, and author by the standard annotation.
func TestCNCFWithoutTimeOrAuthor(t *testing.T) {
	src := cncfSource(t, cncfModule)
	_, config, _ := documents(t, src)
	if _, there := config["author"]; there || config["created"] != "1970-01-01T00:00:00Z" {
		t.Errorf("config %v", config)
	}
	src.Annotations = map[string]string{ocispec.AnnotationAuthors: "Ben"}
	if _, config, _ = documents(t, src); config["author"] != "Ben" {
		t.Errorf("author %v", config["author"])
	}
}

// TestCNCFConfigsAreUnique: given two components with one interface, their
// configs differ.
func TestCNCFConfigsAreUnique(t *testing.T) {
	a, b := cncfSource(t, cncfComponent), cncfSource(t, cncfComponent)
	b.Components[0].Path = source(t).Components[1].Path
	_, _, first := documents(t, a)
	_, _, second := documents(t, b)
	if first.Manifest.Config.Digest == second.Manifest.Config.Digest {
		t.Errorf("both are %s", first.Manifest.Config.Digest)
	}
}

// TestCNCFHoldsNothingElse: given something that the form has no place for, an
// error.
func TestCNCFHoldsNothingElse(t *testing.T) {
	for says, add := range map[string]func(*layoutwriter.Source){
		"one component":       func(s *layoutwriter.Source) { s.Components = source(t).Components },
		"files, such as /etc": func(s *layoutwriter.Source) { s.RootFS = source(t).RootFS },
		"label":               func(s *layoutwriter.Source) { s.Config.Config.Labels = map[string]string{"who": "test"} },
		"process":             func(s *layoutwriter.Source) { s.Config.Config.Cmd = []string{"--help"} },
		"config":              func(s *layoutwriter.Source) { s.Config.Config.Env = []string{"A=1"} },
		"image's config":      func(s *layoutwriter.Source) { s.Config.Config.User = "1000" },
		"an image's config":   func(s *layoutwriter.Source) { s.Config.Config.ExposedPorts = map[string]struct{}{"80/tcp": {}} },
	} {
		src := cncfSource(t, cncfComponent)
		add(&src)
		if _, err := layoutwriter.Write(t.TempDir(), src); !errors.Is(err, artifact.ErrInvalid) || !strings.Contains(fmt.Sprint(err), says) {
			t.Errorf("no error that says %q: %v", says, err)
		}
	}
}

// TestFormsKeepDigests: given a component, its layer has its file's digest in
// every form.
func TestFormsKeepDigests(t *testing.T) {
	var digests []digest.Digest
	for _, form := range []artifact.Form{"", artifact.FormOCI, artifact.FormCNCF} {
		src := cncfSource(t, cncfComponent)
		src.Form = form
		_, a := written(t, src)
		checkComponentDigests(t, src, a)
		digests = append(digests, a.Descriptor.Digest)
	}
	if digests[0] != digests[1] || digests[1] == digests[2] {
		t.Errorf("artifacts %v: the default is oci, and cncf another", digests)
	}
	src := cncfSource(t, cncfComponent)
	src.Form = artifact.FormBare
	if _, err := layoutwriter.Write(t.TempDir(), src); !errors.Is(err, artifact.ErrInvalid) {
		t.Errorf("form %s is written: %v", src.Form, err)
	}
}
