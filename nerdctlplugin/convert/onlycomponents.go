package convert

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"path"

	"github.com/containerd/containerd/v2/pkg/archive/compression"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/wasmfile/wasmfile/nerdctlplugin/source"
	"github.com/wasmfile/wasmfile/pkg/artifact"
	"github.com/wasmfile/wasmfile/pkg/printable"
	"github.com/wasmfile/wasmfile/pkg/unpack"
)

// holdsComponentsOnly returns an error that names a file in an artifact's
// filesystem layers which is none of its components. Images with the component in
// their files have it twice when they have become an artifact, so that nothing is
// lost with those layers.
func holdsComponentsOnly(ctx context.Context, src *source.Source) error {
	sizes := make(map[digest.Digest]int64)
	for _, layer := range src.Artifact.WasmLayers() {
		sizes[layer.Digest] = layer.Size
	}
	for _, layer := range src.Artifact.FilesystemLayers() {
		if err := onlyKnownFiles(ctx, src, layer, sizes); err != nil {
			return err
		}
	}
	return nil
}

func onlyKnownFiles(ctx context.Context, src *source.Source, layer ocispec.Descriptor, known map[digest.Digest]int64) (err error) {
	opened, err := unpack.FromStore(src.Content).Fetch(ctx, layer)
	if err != nil {
		return fmt.Errorf("its layer %s: %w", layer.Digest, err)
	}
	defer func() { err = errors.Join(err, opened.Close()) }()
	stream, err := compression.DecompressStream(opened)
	if err != nil {
		return fmt.Errorf("its layer %s: %w", layer.Digest, err)
	}
	defer stream.Close()
	files := tar.NewReader(stream)
	for {
		header, err := files.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("its layer %s: %w: %w", layer.Digest, artifact.ErrInvalid, err)
		}
		if header.Typeflag == tar.TypeDir {
			continue
		}
		same, err := isKnownFile(header, files, known)
		if err != nil {
			return fmt.Errorf("its layer %s: %w", layer.Digest, err)
		}
		if !same {
			return fmt.Errorf("it has %s", printable.Line(path.Clean("/"+header.Name)))
		}
	}
}

// isKnownFile reads no file that cannot be one of the components.
func isKnownFile(header *tar.Header, content io.Reader, known map[digest.Digest]int64) (bool, error) {
	candidate := false
	for _, size := range known {
		candidate = candidate || size == header.Size
	}
	if header.Typeflag != tar.TypeReg || !candidate {
		return false, nil
	}
	sum, err := digest.FromReader(content)
	if err != nil {
		return false, err
	}
	_, found := known[sum]
	return found, nil
}
