package action

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/errdefs"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"

	"github.com/wasmfile/wasmfile/nerdctlplugin/layout"
	"github.com/wasmfile/wasmfile/pkg/artifact"
	"github.com/wasmfile/wasmfile/pkg/unpack"
	"github.com/wasmfile/wasmfile/pkg/wasm"
)

// localDomain begins the names that images have while a container is made of
// a file.
const localDomain = "wasmfile.local/"

// isFile reports whether what is to be run is a file or directory of this
// machine, and not an image.
func isFile(raw string) bool {
	if looksLikePath(raw) {
		return true
	}
	if !strings.HasSuffix(raw, ".wasm") {
		return false
	}
	_, err := os.Stat(raw)
	return err == nil
}

// importFile brings a .wasm file or a layout into containerd, under a name that
// nobody else has and that forget removes again.
func importFile(ctx context.Context, client *containerd.Client, raw string, o RunOptions) (_ *unpack.Image, forget func(), err error) {
	opened, done, err := openFile(raw)
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, done()) }()
	name := localDomain + localName(raw) + ":" + strings.ToLower(rand.Text()[:12])
	image, err := unpack.Import(ctx, client, name, opened.Root(), opened, unpack.Options{
		Snapshotter: o.Create.GOptions.Snapshotter, Platform: o.Create.Platform,
	})
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", raw, adviseLocal(err, raw))
	}
	return image, func() {
		ctx := context.WithoutCancel(ctx)
		if err := client.ImageService().Delete(ctx, name); err != nil && !errdefs.IsNotFound(err) {
			warn(ctx, fmt.Errorf("remove the image %s: %w", name, err))
		}
	}, nil
}

// openFile opens a layout, or one that is made of a .wasm file.
func openFile(raw string) (*layout.Layout, func() error, error) {
	path := strings.TrimPrefix(raw, "oci-layout://")
	isWasm, err := isWasmFile(path)
	if err != nil {
		return nil, nil, err
	}
	if isWasm {
		return layoutOf(path)
	}
	opened, err := layout.Open(path)
	switch {
	case errors.Is(err, layout.ErrNotLayout):
		return nil, nil, advise(err, "it has to be a .wasm file, or an OCI image layout as a directory or a tar file")
	case errors.Is(err, layout.ErrAmbiguous):
		return nil, nil, advise(err, "copy the one that you want into a layout of its own, for example with `oras cp`")
	case err != nil:
		return nil, nil, err
	}
	return opened, opened.Close, nil
}

// isWasmFile reports whether a regular file begins as WebAssembly does.
func isWasmFile(path string) (bool, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, advise(fmt.Errorf("there is no file %s", path), "is it an image? leave out the `./`, and the `.tar` of an archive that is not there")
	}
	if err != nil || !info.Mode().IsRegular() { // opening a named pipe would block
		return false, err
	}
	file, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer file.Close()
	var header [4]byte
	n, err := file.Read(header[:])
	return err == nil && wasm.IsWasm(header[:n]), nil
}

// layoutOf makes a layout with one component, in a directory that is removed
// when it is closed.
func layoutOf(path string) (_ *layout.Layout, done func() error, err error) {
	info, err := parseFile(path)
	if err != nil {
		return nil, nil, err
	}
	dir, err := os.MkdirTemp("", "wasmfile-run-")
	if err != nil {
		return nil, nil, err
	}
	remove := func() error { return os.RemoveAll(dir) }
	defer func() {
		if err != nil {
			err = errors.Join(err, remove())
		}
	}()
	name := filepath.Base(path)
	var config dockerspec.DockerOCIImage
	config.Config.Entrypoint = []string{name}
	if _, err := artifact.WriteLayout(dir, artifact.Source{
		Components: []artifact.Component{{Name: name, Path: path, Info: info}},
		Config:     config,
	}); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	opened, err := layout.Open(dir)
	if err != nil {
		return nil, nil, err
	}
	return opened, func() error { return errors.Join(opened.Close(), remove()) }, nil
}

func parseFile(path string) (*wasm.Info, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	parsed, err := wasm.Parse(file, info.Size())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return parsed, nil
}

// notInNames are the characters that a repository's name is not made of.
var notInNames = regexp.MustCompile(`[^a-z0-9]+`)

// localName is the name of a repository that reminds of a file.
func localName(path string) string {
	base := filepath.Base(strings.TrimPrefix(path, "oci-layout://"))
	base = strings.TrimSuffix(base, filepath.Ext(base))
	name := strings.Trim(notInNames.ReplaceAllString(strings.ToLower(base), "-"), "-")
	if name == "" {
		return "file"
	}
	return name
}
