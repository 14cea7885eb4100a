package convert

import (
	"archive/tar"
	"bytes"
	"testing"

	"github.com/opencontainers/go-digest"
)

// TestKnownFiles: given a file of an image, it is one of the components if its
// bytes are.
func TestKnownFiles(t *testing.T) {
	component := []byte("component")
	known := map[digest.Digest]int64{digest.FromBytes(component): int64(len(component))}
	for name, c := range map[string]struct {
		content string
		kind    byte
		want    bool
	}{
		"the component":               {"component", tar.TypeReg, true},
		"another of that size":        {"COMPONENT", tar.TypeReg, false},
		"another size":                {"note", tar.TypeReg, false},
		"an empty one":                {"", tar.TypeReg, false},
		"a link, whatever follows it": {"component", tar.TypeSymlink, false},
	} {
		header := &tar.Header{Size: int64(len(c.content)), Typeflag: c.kind}
		if got, err := isKnownFile(header, bytes.NewReader([]byte(c.content)), known); got != c.want || err != nil {
			t.Errorf("%s: %t, %v", name, got, err)
		}
	}
}
