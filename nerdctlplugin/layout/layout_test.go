package layout

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/containerd/errdefs"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/wasmfile/wasmfile/pkg/artifact"
	"github.com/wasmfile/wasmfile/pkg/layouttest"
)

// write makes a layout with one component.
func write(t *testing.T) (dir string, manifest ocispec.Descriptor) {
	t.Helper()
	dir = t.TempDir()
	return dir, layouttest.Write(t, dir, layouttest.EmptyModule)
}

// pack makes a tar of a directory.
func pack(t *testing.T, dir string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "layout.tar")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w := tar.NewWriter(file)
	if err := errors.Join(w.AddFS(os.DirFS(dir)), w.Close(), file.Close()); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestArtifactIsTheSameFromDirectoryAndTar(t *testing.T) {
	dir, manifest := write(t)
	for name, path := range map[string]string{"directory": dir, "tar": pack(t, dir)} {
		t.Run(name, func(t *testing.T) {
			l, err := Open(path)
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			if l.Root().Digest != manifest.Digest {
				t.Errorf("the root is %s, not %s", l.Root().Digest, manifest.Digest)
			}
			a, err := artifact.Read(context.Background(), l, l.Root())
			if err != nil {
				t.Fatal(err)
			}
			layer := a.WasmLayers()[0]
			if err := l.Verify(context.Background(), layer); err != nil {
				t.Error(err)
			}
			reader, err := l.Fetch(context.Background(), layer)
			if err != nil {
				t.Fatal(err)
			}
			defer reader.Close()
			if content, err := io.ReadAll(reader); err != nil || string(content) != layouttest.EmptyModule {
				t.Errorf("the component is %q, %v", content, err)
			}
		})
	}
}

func TestOpenRefuses(t *testing.T) {
	file := func(content string) string {
		path := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	changed := func(name, content string) string {
		dir, _ := write(t)
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	entry := `{"mediaType":"` + ocispec.MediaTypeImageManifest + `","digest":"` + digest.FromString("x").String() + `","size":1}`
	cases := map[string]struct {
		path string
		want error
		says string
	}{
		"nothing":             {filepath.Join(t.TempDir(), "no"), fs.ErrNotExist, ""},
		"an empty directory":  {t.TempDir(), ErrNotLayout, "oci-layout"},
		"text":                {file("some text"), ErrNotLayout, "not a tar"},
		"gzip":                {file("\x1f\x8b\x08\x00"), ErrNotLayout, "gzip"},
		"zstd":                {file("\x28\xb5\x2f\xfd"), ErrNotLayout, "decompress"},
		"another version":     {changed("oci-layout", `{"imageLayoutVersion":"2.0.0"}`), ErrNotLayout, "2.0.0"},
		"no JSON":             {changed("index.json", `{`), ErrNotLayout, "index.json"},
		"an empty index":      {changed("index.json", `{"manifests":[]}`), ErrNotLayout, "empty"},
		"two images":          {changed("index.json", `{"manifests":[`+entry+`,`+entry+`]}`), ErrAmbiguous, "2"},
		"a path as digest":    {changed("index.json", `{"manifests":[{"digest":"sha256:../../../etc/passwd"}]}`), ErrNotLayout, "digest"},
		"a very large index":  {changed("index.json", `{"x":"`+strings.Repeat("x", artifact.MaxDocumentSize)+`"}`), artifact.ErrTooLarge, "limit"},
		"a directory as file": {directoryAsFile(t), nil, "not a regular file"},
		"a link outside":      {linkOutside(t), nil, "escapes"},
		"a file twice in tar": {tarOf(t, "oci-layout", "./oci-layout"), ErrNotLayout, "twice"},
		"a tar of nothing":    {tarOf(t), ErrNotLayout, "oci-layout"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			l, err := Open(c.path)
			if err == nil {
				l.Close()
				t.Fatal("it was opened")
			}
			if c.want != nil && !errors.Is(err, c.want) {
				t.Errorf("the error is %v, not %v", err, c.want)
			}
			if !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v does not say %q", err, c.says)
			}
		})
	}
}

func directoryAsFile(t *testing.T) string {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "oci-layout"), 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func linkOutside(t *testing.T) string {
	dir, _ := write(t)
	outside := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(outside, []byte(`{"imageLayoutVersion":"1.0.0"}`), 0o644); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(dir, "oci-layout")
	if err := errors.Join(os.Remove(link), os.Symlink(outside, link)); err != nil {
		t.Fatal(err)
	}
	return dir
}

func tarOf(t *testing.T, names ...string) string {
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, name := range names {
		if err := w.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "a.tar")
	if err := os.WriteFile(path, out.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestBlobs(t *testing.T) {
	dir, manifest := write(t)
	blob := filepath.Join(dir, "blobs", "sha256", manifest.Digest.Encoded())
	l, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ctx := context.Background()
	if _, err := l.ReaderAt(ctx, ocispec.Descriptor{Digest: digest.FromString("none")}); !errdefs.IsNotFound(err) {
		t.Errorf("a blob that is not there: %v", err)
	}
	if _, err := l.ReaderAt(ctx, ocispec.Descriptor{Digest: "sha256:../../index.json"}); !errors.Is(err, artifact.ErrInvalid) {
		t.Errorf("a path for a digest: %v", err)
	}
	larger := manifest
	larger.Size++
	if _, err := l.ReaderAt(ctx, larger); !errors.Is(err, artifact.ErrSizeMismatch) {
		t.Errorf("another size: %v", err)
	}
	content, err := os.ReadFile(blob)
	if err != nil {
		t.Fatal(err)
	}
	content[0] ^= 1
	if err := os.WriteFile(blob, content, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := l.Verify(ctx, manifest); !errors.Is(err, artifact.ErrDigestMismatch) {
		t.Errorf("changed content: %v", err)
	}
}

// FuzzReadEntries: whatever a file holds, entries lie within it.
func FuzzReadEntries(f *testing.F) {
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for name, content := range map[string]string{"oci-layout": `{"imageLayoutVersion":"1.0.0"}`, "./blobs/sha256/a": layouttest.EmptyModule} {
		if err := w.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Size: int64(len(content))}); err != nil {
			f.Fatal(err)
		}
		if _, err := io.WriteString(w, content); err != nil {
			f.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		f.Fatal(err)
	}
	f.Add(out.Bytes())
	f.Add(out.Bytes()[:700])
	f.Add([]byte("\x1f\x8b"))
	f.Fuzz(func(t *testing.T, content []byte) {
		entries, err := readEntries(bytes.NewReader(content), int64(len(content)))
		if err != nil {
			return
		}
		for name, e := range entries {
			if e.offset < 0 || e.size < 0 || e.offset+e.size > int64(len(content)) {
				t.Errorf("%q is at %d with %d bytes of %d", name, e.offset, e.size, len(content))
			}
		}
	})
}
