package transfer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/pkg/archive/compression"
	"github.com/containerd/nerdctl/v2/pkg/api/types"
	"github.com/containerd/nerdctl/v2/pkg/referenceutil"
	"github.com/containerd/platforms"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/wasmfile/wasmfile/nerdctlplugin/advice"
	"github.com/wasmfile/wasmfile/nerdctlplugin/daemon"
	"github.com/wasmfile/wasmfile/nerdctlplugin/layout"
	"github.com/wasmfile/wasmfile/nerdctlplugin/source"
	"github.com/wasmfile/wasmfile/pkg/artifact"
	"github.com/wasmfile/wasmfile/pkg/unpack"
)

// LoadOptions are those of Load.
type LoadOptions struct {
	// Global are nerdctl's global options.
	Global types.GlobalCommandOptions
	// File is a .wasm file, a layout's directory, or an archive, which may be
	// compressed; "-" or empty for an archive on Stdin.
	File string
	// Name is what the image gets, empty for the names that the archive gives.
	Name string
	// Quiet prints names only.
	Quiet bool
	// Stdin is where an archive without a file comes from.
	Stdin io.Reader
	// Stdout gets the names.
	Stdout io.Writer
}

// Load brings the artifacts of a file into containerd: those of an OCI image
// layout, and images of Docker's archives that are for Wasm.
func Load(ctx context.Context, o LoadOptions) error {
	path, remove, err := archiveFile(o)
	if err != nil {
		return err
	}
	defer remove()
	client, ctx, done, err := daemon.Connect(ctx, o.Global)
	if err != nil {
		return err
	}
	defer done()
	loaded, err := loadFile(ctx, client, path, o)
	for _, image := range loaded {
		if printErr := printImage(o.Stdout, image, o.Quiet); printErr != nil {
			return errors.Join(err, printErr)
		}
	}
	return err
}

// archiveFile returns the path of the file, a copy of it when it has to be
// decompressed or comes from standard input.
func archiveFile(o LoadOptions) (path string, remove func(), err error) {
	nothing := func() {}
	in := o.Stdin
	if o.File != "" && o.File != "-" {
		file, err := os.Open(o.File)
		if err != nil {
			return "", nil, err
		}
		defer file.Close()
		if info, err := file.Stat(); err != nil || info.IsDir() {
			return o.File, nothing, err
		}
		in = file
	}
	stream, err := compression.DecompressStream(in)
	if err != nil {
		return "", nil, fmt.Errorf("read the archive: %w", err)
	}
	defer stream.Close()
	if stream.GetCompression() == compression.Uncompressed && in != o.Stdin {
		return o.File, nothing, nil
	}
	file, err := os.CreateTemp("", "wasmfile-load-*.tar")
	if err != nil {
		return "", nil, err
	}
	remove = func() { _ = os.Remove(file.Name()) } // it is below the directory for such files
	size, err := io.Copy(file, stream)
	if err == nil && size == 0 {
		err = errors.New("it is empty")
	}
	if err = errors.Join(err, file.Close()); err != nil {
		remove()
		return "", nil, fmt.Errorf("read the archive: %w", err)
	}
	return file.Name(), remove, nil
}

func loadFile(ctx context.Context, client *containerd.Client, path string, o LoadOptions) ([]images.Image, error) {
	isWasm, err := source.IsWasmFile(path)
	if err != nil {
		return nil, err
	}
	if isWasm {
		opened, done, err := source.LayoutOfFile(path)
		if err != nil {
			return nil, err
		}
		defer func() { advice.Warn(ctx, done()) }()
		return loadImages(ctx, client, opened, []ocispec.Descriptor{opened.Root()}, o)
	}
	opened, roots, err := layout.OpenAll(path)
	if errors.Is(err, layout.ErrNotLayout) {
		if loaded, dockerErr := loadDocker(ctx, client, path, o); dockerErr == nil {
			return loaded, nil
		}
		return nil, advice.Add(err, "it has to be an archive of `nerdctl wasm save`, `nerdctl wasm build -o` or `docker save`, a layout's directory, or a .wasm file")
	}
	if err != nil {
		return nil, err
	}
	defer func() { advice.Warn(ctx, opened.Close()) }()
	return loadImages(ctx, client, opened, roots, o)
}

func loadImages(ctx context.Context, client *containerd.Client, opened *layout.Layout, roots []ocispec.Descriptor, o LoadOptions) ([]images.Image, error) {
	if o.Name != "" && len(roots) > 1 {
		return nil, fmt.Errorf("%s holds %d images, and %s can be the name of one: load it without a name", o.File, len(roots), o.Name)
	}
	var loaded []images.Image
	for _, root := range roots {
		name, err := loadName(root, o)
		if err != nil {
			return loaded, err
		}
		image, err := unpack.Import(ctx, client, name, ocispec.Descriptor{MediaType: root.MediaType, Digest: root.Digest, Size: root.Size}, opened, unpack.Options{Snapshotter: o.Global.Snapshotter})
		if errors.Is(err, artifact.ErrNoWasm) {
			return loaded, advice.Add(fmt.Errorf("%s: %w", name, err), "is it an ordinary image? `nerdctl load` loads those")
		}
		if err != nil {
			return loaded, fmt.Errorf("load %s: %w", name, err)
		}
		loaded = append(loaded, image.Record)
	}
	return loaded, nil
}

// loadName is the name of an image of a layout: the one that is asked for, or
// what the layout's index says.
func loadName(root ocispec.Descriptor, o LoadOptions) (string, error) {
	for _, name := range []string{o.Name, root.Annotations[images.AnnotationImageName], root.Annotations[ocispec.AnnotationRefName]} {
		// What stands for a tag only, such as "latest", is no name.
		if name == "" || name != o.Name && !strings.ContainsAny(name, "/:") {
			continue
		}
		ref, err := referenceutil.Parse(name)
		if err != nil {
			return "", advice.Add(fmt.Errorf("name %q: %w", name, err), "it has to be like registry.example/name:tag")
		}
		return ref.String(), nil
	}
	return "", fmt.Errorf("%s does not say what the image is called: give it a name with `nerdctl wasm import %s NAME`", o.File, o.File)
}

// loadDocker imports an archive of Docker's own format, as containerd does with
// every archive.
func loadDocker(ctx context.Context, client *containerd.Client, path string, o LoadOptions) ([]images.Image, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	loaded, err := ImportArchive(ctx, client, file, o.Global.Snapshotter)
	if err != nil || o.Name == "" || len(loaded) != 1 {
		return loaded, err
	}
	ref, err := source.ParseReference(o.Name)
	if err != nil {
		return loaded, err
	}
	named, err := daemon.SaveImage(ctx, client, images.Image{Name: ref.String(), Target: loaded[0].Target}, artifact.FormImage, o.Global.Snapshotter)
	return []images.Image{named}, err
}

// ImportArchive brings the images of an archive into containerd with
// containerd's own importer, and unpacks them.
func ImportArchive(ctx context.Context, client *containerd.Client, archive io.Reader, snapshotter string) ([]images.Image, error) {
	imported, err := client.Import(ctx, archive, containerd.WithAllPlatforms(true))
	if err != nil {
		return nil, err
	}
	for _, image := range imported {
		if err := containerd.NewImageWithPlatform(client, image, platforms.All).Unpack(ctx, snapshotter); err != nil {
			return nil, fmt.Errorf("unpack %s: %w", image.Name, err)
		}
	}
	return imported, nil
}

// printImage prints what an image is called, with its digest unless it is to be quiet.
func printImage(out io.Writer, image images.Image, quiet bool) error {
	line := image.Name
	if !quiet {
		line += "@" + image.Target.Digest.String()
	}
	_, err := fmt.Fprintln(out, line)
	return err
}
