package task

import (
	"context"
	"errors"
	"fmt"
	"strings"

	taskapi "github.com/containerd/containerd/api/runtime/task/v3"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/wasmfile/wasmfile/pkg/executable"
	"github.com/wasmfile/wasmfile/shim/image"
)

// find returns what a container may run, nil for a native one: layers of its
// image, else the file that its process names, and then where its files are.
func find(ctx context.Context, b image.Blobs, r *taskapi.CreateTaskRequest, spec *specs.Spec) (found *image.Wasm, files string, err error) {
	declared, err := image.Find(ctx, b, r.ID, spec.Annotations)
	if err != nil || len(declared.Layers) > 0 {
		return declared, "", err
	}
	rootfs := rootfsOf(r, spec)
	found, err = inFiles(ctx, b, rootfs, spec.Process, declared)
	if err == nil && found == nil && declared.Platform != "" {
		err = errNotWasm(spec.Process, declared.Platform)
	}
	return found, rootfs.path, err
}

// inFiles returns the Wasm of a process whose program is a WebAssembly file of
// the container, and nil when it is another one, or none. declared is what the
// image says of itself.
func inFiles(ctx context.Context, b image.Blobs, files rootfs, process *specs.Process, declared *image.Wasm) (*image.Wasm, error) {
	var found *image.Wasm
	err := files.mounted(func() (err error) {
		file, err := executable.Open(files.path, process)
		if err != nil || file == nil {
			return err
		}
		defer func() { err = errors.Join(err, file.Close()) }()
		name, _, _ := strings.Cut(executable.WithoutInit(process.Args)[0], "#")
		layer, err := b.Adopt(ctx, file, name, declared.Image)
		if err != nil {
			return err
		}
		copied := *declared
		copied.Layers = []ocispec.Descriptor{layer}
		found = &copied
		return nil
	})
	return found, err
}

// namedFile returns the Wasm of a process that is added to a container whose
// component is a file: another one of its files, or the same.
func namedFile(ctx context.Context, b image.Blobs, g *guest, process *specs.Process) (*image.Wasm, error) {
	found, err := inFiles(ctx, b, rootfs{path: g.files}, process, g.wasm)
	if err == nil && found == nil {
		err = fmt.Errorf("%w: it runs WebAssembly, and %q is no WebAssembly file of it: give the path of one, or an export of it as PATH#func",
			errNoProgram, strings.Join(process.Args[:min(1, len(process.Args))], ""))
	}
	return found, err
}

// errNotWasm says that the process of an image for Wasm is something else.
func errNotWasm(process *specs.Process, platform string) error {
	if args := executable.WithoutInit(process.Args); len(args) > 0 {
		return fmt.Errorf("%w: the image is for %s and has no WebAssembly file %q: give the path of one as the entrypoint", errNoProgram, platform, args[0])
	}
	return fmt.Errorf("%w: the image is for %s and nothing names the file that it starts: give the path of one as the entrypoint", errNoProgram, platform)
}
