package source

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/errdefs"
	"github.com/containerd/nerdctl/v2/pkg/api/types"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/wasmfile/wasmfile/nerdctlplugin/advice"
	"github.com/wasmfile/wasmfile/nerdctlplugin/daemon"
	"github.com/wasmfile/wasmfile/nerdctlplugin/layout"
	"github.com/wasmfile/wasmfile/pkg/artifact"
	"github.com/wasmfile/wasmfile/pkg/unpack"
)

// Source is an artifact that a command reads: an image in containerd, or an
// OCI image layout.
type Source struct {
	// Name is what it is called: the image's name, or the layout's path.
	Name string
	// Root is what the name leads to, Artifact's own descriptor or an index.
	Root     ocispec.Descriptor
	Artifact *artifact.Artifact
	// Content is where the blobs are, of an image or of a layout.
	Content content.Provider
	// Layout is nil for an image in containerd, Client for a layout.
	Layout *layout.Layout
	Client *containerd.Client
	done   func()
}

// Close closes the layout, or the client if Open or OpenImage opened it. An error is a
// warning: nothing is lost with what was only read.
func (s *Source) Close() { s.done() }

// Open opens a layout when a path is given that there is, and else the
// image of that name. The context that it returns is for the image's
// namespace. Who opens a Source has to Close it.
func Open(ctx context.Context, raw, platform string, global types.GlobalCommandOptions) (context.Context, *Source, error) {
	opened, err := layout.Open(strings.TrimPrefix(raw, "oci-layout://"))
	switch {
	case err == nil:
		a, err := unpack.Choose(ctx, opened, opened.Root(), platform)
		if err != nil {
			return nil, nil, errors.Join(fmt.Errorf("%s: %w", raw, err), opened.Close())
		}
		return ctx, &Source{
			Name: raw, Root: opened.Root(), Artifact: a, Content: opened, Layout: opened,
			done: func() { advice.Warn(ctx, opened.Close()) },
		}, nil
	case errors.Is(err, fs.ErrNotExist) && !LooksLikePath(raw):
		return OpenImage(ctx, raw, platform, global)
	case errors.Is(err, layout.ErrAmbiguous):
		return nil, nil, advice.Add(err, "copy the one that you want into a layout of its own, for example with `oras cp`")
	case errors.Is(err, layout.ErrNotLayout) && LooksLikePath(raw):
		return nil, nil, advice.Add(err, "it has to be an OCI image layout, as a directory or a tar file; `nerdctl wasm import %s NAME` makes an image of a .wasm file", raw)
	case errors.Is(err, layout.ErrNotLayout):
		// A file of that name may just lie around.
		if ctx, found, imageErr := OpenImage(ctx, raw, platform, global); imageErr == nil {
			return ctx, found, nil
		}
	}
	return nil, nil, err
}

// LooksLikePath reports whether a name cannot be an image's.
func LooksLikePath(raw string) bool {
	return strings.HasPrefix(raw, "oci-layout://") || strings.HasPrefix(raw, "/") ||
		strings.HasPrefix(raw, "./") || strings.HasPrefix(raw, "../") || strings.HasSuffix(raw, ".tar")
}

// OpenImage is Open for images in containerd only.
func OpenImage(ctx context.Context, raw, platform string, global types.GlobalCommandOptions) (context.Context, *Source, error) {
	client, ctx, done, err := daemon.Connect(ctx, global)
	if err != nil {
		return nil, nil, err
	}
	record, err := daemon.PulledImage(ctx, client, raw)
	if err != nil {
		done()
		return nil, nil, err
	}
	a, err := unpack.Read(ctx, client.ContentStore(), record, platform)
	if err != nil {
		done()
		if errors.Is(err, artifact.ErrNoWasm) { // whose error has no name
			err = fmt.Errorf("%s: %w", record.Name, err)
		}
		return nil, nil, daemon.AdviseImage(err, raw)
	}
	src := OfImage(client, record, a)
	src.done = done
	return ctx, src, nil
}

// OfImage is the source of an image, whose client is somebody else's to close.
func OfImage(client *containerd.Client, record images.Image, a *artifact.Artifact) *Source {
	return &Source{
		Name: record.Name, Root: record.Target, Artifact: a, Content: imageContent{client.ContentStore(), record.Name}, Client: client, done: func() {},
	}
}

// imageContent is the content of an image of that name, of which something may be missing.
// By its InfoProvider, a push knows from which repository a registry can mount a blob.
type imageContent struct {
	content.InfoReaderProvider
	image string
}

// ReaderAt opens a blob. The error for one that is missing matches unpack.ErrIncomplete and
// errdefs.ErrNotFound, and says how to get it.
func (c imageContent) ReaderAt(ctx context.Context, desc ocispec.Descriptor) (content.ReaderAt, error) {
	reader, err := c.InfoReaderProvider.ReaderAt(ctx, desc)
	if errdefs.IsNotFound(err) {
		return nil, advice.Add(fmt.Errorf("%s: %w: %s is missing: %w", c.image, unpack.ErrIncomplete, artifact.Name(desc), err), "pull all of it with `nerdctl wasm pull %s`", c.image)
	}
	return reader, err
}

// Verify checks what a layout holds before it is given to others. containerd
// did that for its own content.
func (s *Source) Verify(ctx context.Context) error {
	for _, layer := range s.Artifact.Manifest.Layers {
		if s.Layout != nil {
			if err := s.Layout.Verify(ctx, layer); err != nil {
				return err
			}
		} else if reader, err := s.Content.ReaderAt(ctx, layer); err != nil {
			return err
		} else if err := reader.Close(); err != nil {
			return err
		}
		if artifact.IsWasmLayer(layer.MediaType) {
			if _, err := unpack.Parse(ctx, s.Content, layer); err != nil {
				return fmt.Errorf("%s: %w", s.Name, err)
			}
		}
	}
	return nil
}
