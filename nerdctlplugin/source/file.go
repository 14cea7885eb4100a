package source

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"

	"github.com/wasmfile/wasmfile/nerdctlplugin/advice"
	"github.com/wasmfile/wasmfile/nerdctlplugin/layout"
	"github.com/wasmfile/wasmfile/pkg/layoutwriter"
	"github.com/wasmfile/wasmfile/pkg/wasm"
)

// OpenFile opens a layout, or one that is made of a .wasm file. The function that it
// returns closes it.
func OpenFile(raw string) (*layout.Layout, func() error, error) {
	path := strings.TrimPrefix(raw, "oci-layout://")
	isWasm, err := IsWasmFile(path)
	if err != nil {
		return nil, nil, err
	}
	if isWasm {
		return LayoutOfFile(path)
	}
	opened, err := layout.Open(path)
	switch {
	case errors.Is(err, layout.ErrNotLayout):
		return nil, nil, advice.Add(err, "it has to be a .wasm file, or an OCI image layout as a directory or a tar file")
	case errors.Is(err, layout.ErrAmbiguous):
		return nil, nil, advice.Add(err, "copy the one that you want into a layout of its own, for example with `oras cp`")
	case err != nil:
		return nil, nil, err
	}
	return opened, opened.Close, nil
}

// IsWasmFile reports whether a regular file begins as WebAssembly does.
func IsWasmFile(path string) (bool, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, advice.Add(fmt.Errorf("there is no file %s", path), "is it an image? leave out the `./`, and the `.tar` of an archive that is not there")
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

// LayoutOfFile makes a layout with one component, in a directory that is removed
// when it is closed.
func LayoutOfFile(path string) (_ *layout.Layout, done func() error, err error) {
	info, err := wasm.ParseFile(path)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, err)
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
	if _, err := layoutwriter.Write(dir, layoutwriter.Source{
		Components: []layoutwriter.Component{{Name: name, Path: path, Info: info}},
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
