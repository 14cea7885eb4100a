package gateway

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/wasmfile/wasmfile/frontend/assemble"
	"github.com/wasmfile/wasmfile/pkg/artifact"
	"github.com/wasmfile/wasmfile/pkg/layoutwriter"
)

func TestFormat(t *testing.T) {
	const plain, cncf = "FROM scratch\nCOMPONENT a\n", "# form=cncf\nFROM scratch\nCOMPONENT a\n"
	cases := []struct {
		name, text string
		args       map[string]string
		form       artifact.Form
		algorithm  layoutwriter.Algorithm
		says       string
	}{
		{"the default", plain, nil, "", "", ""},
		{"empty arguments", plain, map[string]string{argForm: "", argCompression: "", argCompressionLevel: ""}, "", "", ""},
		{"the default by name, so that its cache is the same", plain, map[string]string{argForm: "oci", argCompression: "gzip"}, "", "", ""},
		{"a form", plain, map[string]string{argForm: "cncf"}, artifact.FormCNCF, "", ""},
		{"a directive", cncf, nil, artifact.FormCNCF, "", ""},
		{"an argument wins over it", cncf, map[string]string{argForm: "oci"}, "", "", ""},
		{"a compression", plain, map[string]string{argCompression: "zstd", argCompressionLevel: "9"}, "", layoutwriter.Zstd, ""},
		{"a name with a digest", plain, map[string]string{ArgName: "greet@sha256:233bffbe80a1fa5d3a1337f70bf2808bdf1b34304eeef8a21b1c1b7033e1e51c"}, "", "", "WASMFILE_NAME: "},
		{"a name that is none", plain, map[string]string{ArgName: "Greet"}, "", "", `WASMFILE_NAME: "Greet" is not a name`},
		{"an unknown form", plain, map[string]string{argForm: "docker"}, "", "", `WASMFILE_FORM: there is no form "docker"`},
		{"an unknown compression", plain, map[string]string{argCompression: "lz4"}, "", "", "WASMFILE_COMPRESSION: "},
		{"a compression that is not ours", plain, map[string]string{argCompression: "estargz"}, "", "", "WASMFILE_COMPRESSION: compression estargz"},
		{"an unknown level", plain, map[string]string{argCompressionLevel: "10"}, "", "", "WASMFILE_COMPRESSION_LEVEL: "},
		{"what the form has no place for", plain + "USER 1\n", map[string]string{argForm: "cncf"}, "", "", "USER"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			b := newBuild(t, c.text)
			b.ui.BuildArgs = c.args
			f, err := b.readFormat()
			if c.says != "" {
				if err == nil || !strings.Contains(err.Error(), c.says) {
					t.Errorf("no error that says %q: %v", c.says, err)
				}
				return
			}
			if err != nil || f.form != c.form || f.compression.Algorithm != c.algorithm {
				t.Errorf("%+v (%v)", f, err)
			}
		})
	}
}

// TestUnknownArguments: given a build argument that begins as those for the
// frontend do, it is one of them, or an ARG of the Wasmfile.
func TestUnknownArguments(t *testing.T) {
	b := newBuild(t, "ARG WASMFILE_BASE=scratch\nFROM scratch AS other\nARG WASMFILE_OTHER\nFROM scratch\nARG WASMFILE_OWN\nCOMPONENT a\n")
	for name, says := range map[string]string{
		argForm: "", argCompression: "", argCompressionLevel: "", ArgName: "", argPush: "",
		"WASMFILE_BASE": "", "WASMFILE_OTHER": "", "WASMFILE_OWN": "", "OTHER": "",
		"WASMFILE_FROM":        "(did you mean WASMFILE_FORM?)",
		"WASMFILE_PUSH_CONFIG": "there is no build argument WASMFILE_PUSH_CONFIG",
	} {
		b.ui.BuildArgs = map[string]string{name: "x"}
		err := b.checkArgNames()
		if says == "" && err != nil || says != "" && (err == nil || !strings.Contains(err.Error(), says)) {
			t.Errorf("%s: the error is %v, it has to say %q", name, err, says)
		}
	}
}

// TestName: given names as people write them, those that a layout has for them.
func TestName(t *testing.T) {
	for name, want := range map[string]string{
		"": "", "greet": "docker.io/library/greet:latest", "ada/greet:1": "docker.io/ada/greet:1", "localhost:5000/greet": "localhost:5000/greet:latest",
	} {
		b := newBuild(t, "FROM scratch\nCOMPONENT a\n")
		b.ui.BuildArgs = map[string]string{ArgName: name}
		if f, err := b.readFormat(); err != nil || f.name != want {
			t.Errorf("%q gives %q, %v", name, f.name, err)
		}
	}
}

func TestLabelsOfTheCommandLine(t *testing.T) {
	b := newBuild(t, "# form=cncf\nFROM scratch\nCOMPONENT a\n")
	b.ui.Labels = map[string]string{"org.opencontainers.image.title": "a"}
	if _, err := b.readFormat(); err != nil {
		t.Error(err)
	}
	b.ui.Labels["team"] = "web"
	if _, err := b.readFormat(); err == nil || !strings.Contains(err.Error(), "--label team") {
		t.Errorf("a label is lost: %v", err)
	}
}

func TestImagesRefuseArguments(t *testing.T) {
	b := newBuild(t, "# form=cncf\nFROM scratch\nCOMPONENT a\n")
	if err := b.checkImageArgs(); err != nil {
		t.Errorf("a directive is for the artifact of the same Wasmfile: %v", err)
	}
	for arg, value := range map[string]string{argForm: "oci", argCompression: "zstd", argCompressionLevel: "1", ArgName: "greet"} {
		b.ui.BuildArgs = map[string]string{arg: value}
		if err := b.checkImageArgs(); err == nil || !strings.Contains(err.Error(), arg) {
			t.Errorf("%s has no effect, and no error: %v", arg, err)
		}
	}
}

// TestResultMetadata: given an artifact, the metadata that clients write into
// the file of --metadata-file.
func TestResultMetadata(t *testing.T) {
	b := newBuild(t, "FROM scratch\nCOMPONENT a\n")
	manifest := ocispec.Descriptor{MediaType: ocispec.MediaTypeImageManifest, Digest: digest.FromString("m"), Size: 1}
	layer := ocispec.Descriptor{MediaType: artifact.MediaTypeComponentLayer, Digest: digest.FromString("a"), Size: 2}
	result, err := b.result(nil, manifest, []assemble.ComponentReport{{Name: "a", Layer: &layer}})
	if err != nil {
		t.Fatal(err)
	}
	if got := string(result.Metadata[MetaDigest]); got != manifest.Digest.String() {
		t.Errorf("digest %s", got)
	}
	if got := string(result.Metadata[metaForm]); got != "oci" {
		t.Errorf("form %q", got)
	}
	var descriptor ocispec.Descriptor
	var components []ocispec.Descriptor
	for key, into := range map[string]any{metaDescriptor: &descriptor, metaComponents: &components} {
		decoded, err := base64.StdEncoding.DecodeString(string(result.Metadata[key]))
		if err != nil {
			t.Fatalf("%s: %v", key, err)
		}
		if err := json.Unmarshal(decoded, into); err != nil {
			t.Fatalf("%s: %v", key, err)
		}
	}
	if descriptor.Digest != manifest.Digest || len(components) != 1 || components[0].Digest != layer.Digest {
		t.Errorf("descriptor %v, components %v", descriptor, components)
	}
}
