package source

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/errdefs"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/wasmfile/wasmfile/pkg/artifact"
	"github.com/wasmfile/wasmfile/pkg/executable"
)

// maxComponentSize is how large a file of an image may be that is taken for a
// component, in bytes.
const maxComponentSize = 1 << 30

// WithComponents gives the components of an artifact to do, with where their content
// is. Of an image whose components are files, they are all WebAssembly files that it
// has, by their paths; of one in a layout, whose files are packed, none.
func (s *Source) WithComponents(ctx context.Context, snapshotter string, do func([]ocispec.Descriptor, content.Provider) error) error {
	if s.Artifact.Form != artifact.FormImage || s.Layout != nil {
		return do(s.Artifact.WasmLayers(), s.Content)
	}
	return s.WithFiles(ctx, snapshotter, func(root *os.Root) error {
		names, err := executable.Files(root)
		if err != nil {
			return fmt.Errorf("%s: %w", s.Name, err)
		}
		files := imageFiles{root: root, names: make(map[digest.Digest]string)}
		var components []ocispec.Descriptor
		for _, name := range names {
			component, err := files.add(name)
			if err != nil {
				return fmt.Errorf("%s: /%s: %w", s.Name, name, err)
			}
			components = append(components, component)
		}
		return do(components, files)
	})
}

// imageFiles is the content of an image's files, by their digests.
type imageFiles struct {
	root  *os.Root
	names map[digest.Digest]string
}

// add makes a file one that is found by its digest.
func (f imageFiles) add(name string) (ocispec.Descriptor, error) {
	file, err := f.root.Open(name)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	defer file.Close()
	desc, err := DescribeFile(file, "/"+name)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	f.names[desc.Digest] = name
	return desc, nil
}

// DescribeFile describes a file of an image as a component of that name. It returns
// an error that matches artifact.ErrTooLarge for one of over 1 GiB.
func DescribeFile(file *os.File, name string) (ocispec.Descriptor, error) {
	info, err := file.Stat()
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	if info.Size() > maxComponentSize {
		return ocispec.Descriptor{}, fmt.Errorf("%w: %d bytes", artifact.ErrTooLarge, info.Size())
	}
	sum, err := digest.FromReader(io.NewSectionReader(file, 0, info.Size()))
	return ocispec.Descriptor{
		MediaType: artifact.MediaTypeComponentLayer, Digest: sum, Size: info.Size(),
		Annotations: map[string]string{ocispec.AnnotationTitle: name},
	}, err
}

// ReaderAt opens a file.
func (f imageFiles) ReaderAt(_ context.Context, desc ocispec.Descriptor) (content.ReaderAt, error) {
	name, ok := f.names[desc.Digest]
	if !ok {
		return nil, fmt.Errorf("file %s: %w", desc.Digest, errdefs.ErrNotFound)
	}
	file, err := f.root.Open(name)
	if err != nil {
		return nil, err
	}
	return imageFile{file, desc.Size}, nil
}

// imageFile is an image's file, as containerd reads content.
type imageFile struct {
	*os.File
	size int64
}

// Size is the file's, in bytes.
func (f imageFile) Size() int64 { return f.size }
