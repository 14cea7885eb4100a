package artifact_test

import (
	"strings"
	"testing"

	"github.com/wasmfile/wasmfile/pkg/artifact"
)

func TestCheckMediaType(t *testing.T) {
	for _, accepted := range []string{
		"application/vnd.example.model.v1+json", "text/plain", "application/wasm", artifact.MediaTypeComponentLayer,
		"application/vnd.in-toto+json", "A1!#$&^_.+-/x", "application/" + strings.Repeat("x", 127),
	} {
		if err := artifact.CheckMediaType(accepted); err != nil {
			t.Errorf("%s: %v", accepted, err)
		}
	}
	for refused, says := range map[string]string{
		"":                                       "not a media type",
		"application":                            "not a media type",
		"application/":                           "not a media type",
		"a/b/c":                                  "not a media type",
		"application/ x":                         "not a media type",
		"application/\u00fc":                     "not a media type",
		".a/b":                                   "not a media type",
		"a/" + strings.Repeat("x", 128):          "not a media type",
		"text/plain; charset=utf-8":              "parameters",
		"application/vnd.oci.image.layer.v1.tar": "unpack",
		"application/vnd.oci.image.layer.v1.tar+zstd":       "unpack",
		"Application/vnd.oci.image.layer.v1.tar+gzip":       "unpack",
		"application/vnd.docker.image.rootfs.diff.tar.gzip": "unpack",
		"Application/Wasm": "as application/wasm only",
		"application/vnd.docker.image.rootfs.foreign.diff.tar":      "unpack",
		"application/vnd.oci.image.manifest.v1+json":                "manifest",
		"application/vnd.oci.image.index.v1+json":                   "manifest",
		"application/vnd.docker.distribution.manifest.list.v2+json": "manifest",
		"application/vnd.oci.image.config.v1+json":                  "document",
		"application/vnd.docker.container.image.v1+json":            "document",
		artifact.MediaTypeWasmConfig:                                "document",
	} {
		err := artifact.CheckMediaType(refused)
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v", refused, err)
		}
	}
}
