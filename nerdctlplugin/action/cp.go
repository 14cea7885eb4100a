package action

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/nerdctl/v2/pkg/api/types"
	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/wasmfile/wasmfile/pkg/artifact"
	"github.com/wasmfile/wasmfile/pkg/unpack"
)

// guestDir is where the files of a guest that runs are in its container, beside
// the engine; docs/shim.md says so.
const guestDir = "/guest"

// CopyOptions are those of Copy.
type CopyOptions struct {
	// Global are nerdctl's global options.
	Global types.GlobalCommandOptions
	// Stdout is where a file without a name goes.
	Stdout io.Writer
}

// CopyFromArtifact copies from, REF:COMPONENT or REF:/FILE, to a file or
// directory. REF alone will do for an artifact with one component.
func CopyFromArtifact(ctx context.Context, from, to string, o CopyOptions) error {
	if to == "-" {
		return fmt.Errorf("cp writes files: use `nerdctl wasm export %s` for standard output", from)
	}
	name, src, opened, err := copySource(ctx, from, o.Global)
	if err != nil {
		return err
	}
	defer src.done()
	known := artifact.Names(src.artifact.WasmLayers())
	component := strings.TrimPrefix(name, "/")
	if name == "" || !strings.HasPrefix(name, "/") || slices.Contains(known, component) || slices.Contains(known, component+".wasm") {
		return exportComponent(opened, src, component, to, o.Stdout)
	}
	return copyFile(opened, src, name, to, o)
}

// copySource opens the artifact of REF or REF:NAME.
func copySource(ctx context.Context, from string, global types.GlobalCommandOptions) (name string, src *source, _ context.Context, err error) {
	opened, src, err := openSource(ctx, from, "", global)
	if err == nil {
		return "", src, opened, nil
	}
	colon := strings.LastIndexByte(from, ':')
	if colon < 0 {
		return "", nil, nil, advise(err, "or give it as CONTAINER:PATH, REF:COMPONENT or REF:/FILE")
	}
	reference, name := from[:colon], from[colon+1:]
	if opened, src, err = openSource(ctx, reference, "", global); err != nil {
		return "", nil, nil, fmt.Errorf("there is no container and no artifact %s: %w", reference, err)
	}
	return name, src, opened, nil
}

// copyFile copies a file of an artifact's filesystem layers.
func copyFile(ctx context.Context, src *source, name, to string, o CopyOptions) error {
	if src.client == nil {
		return fmt.Errorf("%s is not in containerd: bring it there with `nerdctl wasm load` to copy its files", src.name)
	}
	record, err := findLocal(ctx, src.client, src.name)
	if err != nil {
		return err
	}
	if len(src.artifact.FilesystemLayers()) == 0 {
		return fmt.Errorf("%s has no file %s: it holds components only, which are %s", src.name, name, strings.Join(artifact.Names(src.artifact.WasmLayers()), ", "))
	}
	image, err := unpack.Existing(ctx, src.client, record, unpack.Options{Snapshotter: o.Global.Snapshotter})
	if err != nil {
		return adviseLocal(err, src.name)
	}
	var copied error // not wrapped with where the files were shown
	err = withRootfs(ctx, src.client, filesystemDiffIDs(image.Artifact), o.Global.Snapshotter, func(root *os.Root) error {
		copied = copyFrom(root, name, to, o.Stdout)
		return nil
	})
	if copied != nil {
		copied = fmt.Errorf("%s: %w", src.name, copied)
	}
	return errors.Join(copied, err)
}

func copyFrom(root *os.Root, name, to string, stdout io.Writer) error {
	inside := strings.TrimPrefix(path.Clean(name), "/")
	// Opening a named pipe would block, and a device may do anything. Nobody else
	// changes these files.
	info, err := root.Stat(inside)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no file %s", name)
	}
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is not a file: `nerdctl cp` copies directories from a container", name)
	}
	file, err := root.Open(inside)
	if err != nil {
		return err
	}
	defer file.Close()
	return toFile(inDirectory(to, name), stdout, func(out io.Writer) error {
		_, err := io.Copy(out, file)
		return err
	})
}

// ContainerPath says whether an argument of cp is CONTAINER:PATH, and what it is
// to be for nerdctl, which does not know that the files of a guest that runs are
// below a directory.
func ContainerPath(ctx context.Context, argument string, global types.GlobalCommandOptions) (string, bool, error) {
	name, file, ok := strings.Cut(argument, ":")
	if !ok || name == "" || strings.ContainsRune(name, '/') {
		return "", false, nil
	}
	client, ctx, done, err := connect(ctx, global)
	if err != nil {
		return "", false, err
	}
	defer done()
	found, err := findContainer(ctx, client, name)
	if err != nil {
		return "", false, nil // it may be an artifact's name
	}
	guest, err := runningGuest(ctx, found)
	if err != nil || guest == nil {
		return argument, true, err
	}
	return name + ":" + insideGuest(file), true, nil
}

// insideGuest is a path of the guest in its container. What is said by its end
// about directories stays.
func insideGuest(file string) string {
	inside := path.Join(guestDir, path.Clean("/"+file))
	switch {
	case strings.HasSuffix(file, "/."):
		return inside + "/."
	case strings.HasSuffix(file, "/"):
		return inside + "/"
	}
	return inside
}

// runningGuest returns the spec of a container that is Wasm which this project's
// shim runs at the moment, and nil for another.
func runningGuest(ctx context.Context, c containerd.Container) (*specs.Spec, error) {
	info, err := c.Info(ctx)
	if err != nil {
		return nil, fmt.Errorf("container %s: %w", c.ID(), err)
	}
	if !strings.HasSuffix(info.Runtime.Name, ".wasmfile.v1") {
		return nil, nil
	}
	spec, err := c.Spec(ctx)
	if err != nil {
		return nil, fmt.Errorf("container %s: %w", c.ID(), err)
	}
	if _, wasm := spec.Annotations[artifact.AnnotationLayers]; !wasm {
		return nil, nil
	}
	task, err := c.Task(ctx, nil)
	if err != nil {
		return nil, nil // it does not run
	}
	if status, err := task.Status(ctx); err != nil || status.Status != containerd.Running {
		return nil, nil
	}
	return spec, nil
}
