package conformance_test

import (
	"bytes"
	"testing"

	"github.com/wasmfile/wasmfile/frontend/wasmfile"
)

// FuzzDockerfile: whatever the text, when it is a Dockerfile it is left as it
// is, and this frontend asks for the same LLB as BuildKit's own, or fails with
// the same error.
func FuzzDockerfile(f *testing.F) {
	for _, s := range suites(f) {
		for i, c := range s.cases {
			if i%24 == 0 {
				f.Add(c.text)
			}
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		file, err := wasmfile.Parse(text, wasmfile.Options{})
		if err != nil || !file.IsDockerfile() {
			return
		}
		rendered, err := file.Dockerfile(wasmfile.Artifact)
		if err != nil || !bytes.Equal(rendered, text) {
			t.Fatalf("%q is rendered as %q (%v)", text, rendered, err)
		}
		compare(t, dockerfile{"fuzzed", text}, nil, false)
	})
}
