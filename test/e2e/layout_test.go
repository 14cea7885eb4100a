package e2e

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// contents is what an artifact holds.
type contents struct {
	components []string        // the names of its Wasm layers, in order
	files      map[string]file // of its filesystem layers, directories with a slash
}

// file is one entry of a filesystem layer.
type file struct {
	text     string
	mode     fs.FileMode
	modified time.Time
}

// unpacked reads the one artifact of a layout.
func unpacked(t *testing.T, layout string) contents {
	t.Helper()
	var manifest struct{ Layers []descriptor }
	blob(t, layout, layoutDigest(t, layout), &manifest)
	found := contents{files: make(map[string]file)}
	for _, l := range manifest.Layers {
		if !strings.HasSuffix(l.MediaType, ".tar+gzip") {
			found.components = append(found.components, l.Annotations["org.opencontainers.image.title"])
			continue
		}
		_, encoded, _ := strings.Cut(l.Digest, ":")
		readLayer(t, filepath.Join(layout, "blobs", "sha256", encoded), found.files)
	}
	return found
}

func readLayer(t *testing.T, path string, into map[string]file) {
	t.Helper()
	blob, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer blob.Close()
	decompressed, err := gzip.NewReader(blob)
	if err != nil {
		t.Fatal(err)
	}
	for entries := tar.NewReader(decompressed); ; {
		header, err := entries.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(entries)
		if err != nil {
			t.Fatal(err)
		}
		into[header.Name] = file{string(text), header.FileInfo().Mode(), header.ModTime}
	}
}
