package layoutwriter_test

import (
	"archive/tar"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/wasmfile/wasmfile/pkg/artifact"
	"github.com/wasmfile/wasmfile/pkg/layoutwriter"
	"github.com/wasmfile/wasmfile/pkg/wasm"
)

// layout reads the blobs of an OCI image layout.
type layout string

func (l layout) Fetch(_ context.Context, desc ocispec.Descriptor) (io.ReadCloser, error) {
	return os.Open(filepath.Join(string(l), "blobs", "sha256", desc.Digest.Encoded()))
}

func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(content), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
}

// source has two components and a filesystem with what tar can go wrong with.
func source(t *testing.T) layoutwriter.Source {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, map[string]string{
		"a":               "component a",
		"b":               "module b",
		"root/etc/motd":   "hello\n",
		"root/etc/z/deep": "deep",
	})
	root := filepath.Join(dir, "root")
	if err := errors.Join(
		os.Symlink("motd", filepath.Join(root, "etc", "link")),
		os.Link(filepath.Join(root, "etc", "motd"), filepath.Join(root, "etc", "same")),
		os.Chmod(filepath.Join(root, "etc", "motd"), fs.ModeSetuid|0o750),
	); err != nil {
		t.Fatal(err)
	}
	return layoutwriter.Source{
		Components: []layoutwriter.Component{
			{Name: "a.wasm", Path: filepath.Join(dir, "a"), Info: &wasm.Info{Kind: wasm.KindComponent, WASI: 2, Imports: []string{"wasi:cli/stdout@0.2.3"}}},
			{Name: "b.wasm", Path: filepath.Join(dir, "b"), Info: &wasm.Info{Kind: wasm.KindModule, WASI: 1, Exports: []string{"_start"}}},
		},
		Config: dockerspec.DockerOCIImage{Config: dockerspec.DockerOCIImageConfig{
			ImageConfig: ocispec.ImageConfig{Entrypoint: []string{"a"}, Labels: map[string]string{"who": "test"}},
		}},
		Annotations: map[string]string{"org.opencontainers.image.title": "test"},
		RootFS:      root,
	}
}

// written writes a layout and reads the artifact that is in it.
func written(t *testing.T, src layoutwriter.Source) (dir string, a *artifact.Artifact) {
	t.Helper()
	dir = t.TempDir()
	desc, err := layoutwriter.Write(dir, src)
	if err != nil {
		t.Fatal(err)
	}
	a, err = artifact.Read(t.Context(), layout(dir), desc)
	if err != nil {
		t.Fatal(err)
	}
	return dir, a
}

func TestWriteIsAnArtifact(t *testing.T) {
	dir, a := written(t, source(t))
	if names := artifact.Names(a.WasmLayers()); !slices.Equal(names, []string{"a.wasm", "b.wasm"}) {
		t.Errorf("components are %v", names)
	}
	if a.Config.OS != "wasip2" || a.Config.Architecture != "wasm" || a.Config.Created != nil {
		t.Errorf("config has platform %+v, created %v", a.Config.Platform, a.Config.Created)
	}
	var layers []ocispec.Descriptor
	if err := json.Unmarshal([]byte(a.Config.Config.Labels[artifact.AnnotationLayers]), &layers); err != nil || len(layers) != 2 || layers[1].Digest != a.Manifest.Layers[1].Digest {
		t.Errorf("label %s is %v (%v)", artifact.AnnotationLayers, layers, err)
	}
	if got, want := a.Config.Config.Labels[artifact.LabelComponentPrefix+"b.wasm"], `{"imports":[],"exports":["_start"]}`; got != want {
		t.Errorf("interface of b.wasm is %s, not %s", got, want)
	}
	if a.Config.Config.Labels["who"] != "test" || a.Manifest.Annotations["org.opencontainers.image.title"] != "test" {
		t.Error("label or annotation is lost")
	}
	got := tarEntries(t, dir, a.FilesystemLayers()[0])
	want := []string{
		"etc/ drwxr-xr-x", "etc/link Lrwxrwxrwx -> motd", "etc/motd urwxr-x---",
		"etc/same urwxr-x--- => etc/motd", "etc/z/ drwxr-xr-x", "etc/z/deep -rw-r--r--",
	}
	if !slices.Equal(got, want) {
		t.Errorf("filesystem layer holds\n%q, not\n%q", got, want)
	}
}

func tarEntries(t *testing.T, dir string, desc ocispec.Descriptor) []string {
	t.Helper()
	var entries []string
	for r := tar.NewReader(plainTar(t, dir, desc)); ; {
		h, err := r.Next()
		if err == io.EOF {
			return entries
		}
		if err != nil {
			t.Fatal(err)
		}
		if !h.ModTime.Equal(time.Unix(0, 0)) {
			t.Errorf("%s is from %s", h.Name, h.ModTime)
		}
		entry := h.Name + " " + h.FileInfo().Mode().String()
		switch h.Typeflag {
		case tar.TypeSymlink:
			entry += " -> " + h.Linkname
		case tar.TypeLink:
			entry += " => " + h.Linkname
		}
		entries = append(entries, entry)
	}
}

func TestWriteTwiceGivesTheSameBytes(t *testing.T) {
	first, second := t.TempDir(), t.TempDir()
	a, err := layoutwriter.Write(first, source(t))
	if err != nil {
		t.Fatal(err)
	}
	later := source(t) // other files, other times, the same content
	b, err := layoutwriter.Write(second, later)
	if err != nil {
		t.Fatal(err)
	}
	if a.Digest != b.Digest {
		t.Errorf("manifests are %s and %s", a.Digest, b.Digest)
	}
	for _, dir := range []string{first, second} {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if info, e := d.Info(); err == nil && (e != nil || !info.ModTime().Equal(time.Unix(0, 0))) {
				t.Errorf("%s is from %s (%v)", path, info.ModTime(), e)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
}

func TestWriteKeepsSourceDateEpoch(t *testing.T) {
	src := source(t)
	src.Epoch = time.Unix(1_700_000_000, 0)
	_, a := written(t, src)
	if a.Config.Created == nil || !a.Config.Created.Equal(src.Epoch) {
		t.Errorf("created is %v", a.Config.Created)
	}
	older := time.Unix(1_000_000_000, 0)
	if err := os.Chtimes(filepath.Join(src.RootFS, "etc", "motd"), older, older); err != nil {
		t.Fatal(err)
	}
	again, err := layoutwriter.Write(t.TempDir(), src)
	if err != nil {
		t.Fatal(err)
	}
	if again.Digest != a.Descriptor.Digest {
		t.Error("the time of a file that is older than the epoch changes the artifact")
	}
}

func TestWriteWithoutFiles(t *testing.T) {
	src := source(t)
	src.RootFS = t.TempDir()
	dir, a := written(t, src)
	if n := len(a.FilesystemLayers()); n != 0 {
		t.Errorf("%d filesystem layers", n)
	}
	// An artifact without files has an empty list, not none: containerd
	// counts it.
	config, err := artifact.ReadDocument(t.Context(), layout(dir), a.Manifest.Config)
	if err != nil {
		t.Fatal(err)
	}
	var raw struct {
		RootFS map[string]json.RawMessage `json:"rootfs"`
	}
	if err := json.Unmarshal(config, &raw); err != nil || string(raw.RootFS["diff_ids"]) != "[]" {
		t.Errorf("diff_ids is %s (%v)", raw.RootFS["diff_ids"], err)
	}
	left, err := filepath.Glob(filepath.Join(dir, "blobs", "sha256", ".*"))
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %v (%v)", left, err)
	}
}

// TestLayoutName: given a name, the index has it as BuildKit's exporter writes it, and the
// artifact is the same.
func TestLayoutName(t *testing.T) {
	var digests []digest.Digest
	for name, want := range map[string]map[string]string{
		"": {"org.opencontainers.image.ref.name": "latest"},
		"localhost:5000/greet:1.2": {
			"org.opencontainers.image.ref.name": "1.2", "io.containerd.image.name": "localhost:5000/greet:1.2",
		},
	} {
		dir, src := t.TempDir(), source(t)
		src.Name = name
		if _, err := layoutwriter.Write(dir, src); err != nil {
			t.Fatal(err)
		}
		var index ocispec.Index
		content, err := os.ReadFile(filepath.Join(dir, "index.json"))
		if err := errors.Join(err, json.Unmarshal(content, &index)); err != nil {
			t.Fatal(err)
		}
		if got := index.Manifests[0].Annotations; !maps.Equal(got, want) {
			t.Errorf("the name %q is written as %v", name, got)
		}
		digests = append(digests, index.Manifests[0].Digest)
	}
	if digests[0] != digests[1] {
		t.Error("a name changes the artifact")
	}
}

func TestOperatingSystem(t *testing.T) {
	module := wasm.Info{Kind: wasm.KindModule, WASI: 1}
	component := wasm.Info{Kind: wasm.KindComponent, WASI: 2}
	newest := wasm.Info{Kind: wasm.KindComponent, WASI: 3}
	for want, infos := range map[string][]wasm.Info{
		"wasip1": {module, module},
		"wasip2": {module, component},
		"wasip3": {newest, component, module},
	} {
		src := source(t)
		src.Components = nil
		file := filepath.Join(t.TempDir(), "x")
		if err := os.WriteFile(file, []byte("x"), 0o644); err != nil {
			t.Fatal(err)
		}
		for i, info := range infos {
			src.Components = append(src.Components, layoutwriter.Component{Name: string(rune('a' + i)), Path: file, Info: &info})
		}
		if _, a := written(t, src); a.Config.OS != want {
			t.Errorf("%v gives %s, not %s", infos, a.Config.OS, want)
		}
	}
}

// TestFilesComeLast: given files of other media types, their layers come after
// the filesystem's, as they are, and the config names them.
func TestFilesComeLast(t *testing.T) {
	src := source(t)
	model := filepath.Join(t.TempDir(), "model")
	if err := os.WriteFile(model, []byte("weights"), 0o644); err != nil {
		t.Fatal(err)
	}
	src.Components[1].MediaType = artifact.MediaTypeWasm
	src.Files = []layoutwriter.File{{Name: "model.bin", Path: model, MediaType: "application/x-model"}}
	_, a := written(t, src)
	var types []string
	for _, l := range a.Manifest.Layers {
		types = append(types, l.MediaType)
	}
	want := []string{artifact.MediaTypeComponentLayer, artifact.MediaTypeWasm, ocispec.MediaTypeImageLayerGzip, "application/x-model"}
	if !slices.Equal(types, want) {
		t.Errorf("layers are %q, not %q", types, want)
	}
	if last := a.Manifest.Layers[3]; last.Annotations[ocispec.AnnotationTitle] != "model.bin" || last.Size != int64(len("weights")) {
		t.Errorf("the layer is %+v", last)
	}
	if len(a.Config.RootFS.DiffIDs) != 1 {
		t.Errorf("diff_ids %v", a.Config.RootFS.DiffIDs)
	}
	var named []ocispec.Descriptor
	if err := json.Unmarshal([]byte(a.Config.Config.Labels[artifact.AnnotationLayers]), &named); err != nil || len(named) != 3 {
		t.Errorf("the config names %v (%v)", named, err)
	}
}
