package action

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

	"github.com/wasmfile/wasmfile/nerdctlplugin/layout"
	"github.com/wasmfile/wasmfile/pkg/artifact"
	"github.com/wasmfile/wasmfile/pkg/unpack"
)

// source is an artifact that a command reads: an image in containerd, or an
// OCI image layout.
type source struct {
	// name is what it is called: the image's name, or the layout's path.
	name string
	// root is what the name leads to, artifact's own descriptor or an index.
	root     ocispec.Descriptor
	artifact *artifact.Artifact
	content  content.Provider
	// layout is nil for an image in containerd, client for a layout.
	layout *layout.Layout
	client *containerd.Client
	done   func()
}

// openSource opens a layout when a path is given that there is, and else the
// image of that name. The context that it returns is for the image's
// namespace.
func openSource(ctx context.Context, raw, platform string, global types.GlobalCommandOptions) (context.Context, *source, error) {
	opened, err := layout.Open(strings.TrimPrefix(raw, "oci-layout://"))
	switch {
	case err == nil:
		a, err := unpack.Choose(ctx, opened, opened.Root(), platform)
		if err != nil {
			return nil, nil, errors.Join(fmt.Errorf("%s: %w", raw, err), opened.Close())
		}
		return ctx, &source{
			name: raw, root: opened.Root(), artifact: a, content: opened, layout: opened,
			done: func() { warn(ctx, opened.Close()) },
		}, nil
	case errors.Is(err, fs.ErrNotExist) && !looksLikePath(raw):
		return openImage(ctx, raw, platform, global)
	case errors.Is(err, layout.ErrAmbiguous):
		return nil, nil, advise(err, "copy the one that you want into a layout of its own, for example with `oras cp`")
	case errors.Is(err, layout.ErrNotLayout) && !looksLikePath(raw):
		// A file of that name may just lie around.
		if ctx, found, imageErr := openImage(ctx, raw, platform, global); imageErr == nil {
			return ctx, found, nil
		}
	}
	return nil, nil, err
}

// looksLikePath reports whether a name cannot be an image's.
func looksLikePath(raw string) bool {
	return strings.HasPrefix(raw, "oci-layout://") || strings.HasPrefix(raw, "/") ||
		strings.HasPrefix(raw, "./") || strings.HasPrefix(raw, "../") || strings.HasSuffix(raw, ".tar")
}

func openImage(ctx context.Context, raw, platform string, global types.GlobalCommandOptions) (context.Context, *source, error) {
	client, ctx, done, err := connect(ctx, global)
	if err != nil {
		return nil, nil, err
	}
	record, err := localOrAdvice(ctx, client, raw)
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
		return nil, nil, adviseLocal(err, raw)
	}
	src := imageSource(client, record, a)
	src.done = done
	return ctx, src, nil
}

// imageSource is the source of an image, whose client is somebody else's to close.
func imageSource(client *containerd.Client, record images.Image, a *artifact.Artifact) *source {
	return &source{
		name: record.Name, root: record.Target, artifact: a, content: client.ContentStore(), client: client, done: func() {},
	}
}

// verify checks what a layout holds before it is given to others. containerd
// did that for its own content.
func (s *source) verify(ctx context.Context) error {
	for _, layer := range s.artifact.Manifest.Layers {
		if s.layout != nil {
			if err := s.layout.Verify(ctx, layer); err != nil {
				return err
			}
		} else if err := s.present(ctx, layer); err != nil {
			return err
		}
		if artifact.IsWasmLayer(layer.MediaType) {
			if _, err := unpack.Parse(ctx, s.content, layer); err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
		}
	}
	return nil
}

func (s *source) present(ctx context.Context, layer ocispec.Descriptor) error {
	_, err := s.client.ContentStore().Info(ctx, layer.Digest)
	if errdefs.IsNotFound(err) {
		return advise(fmt.Errorf("%s: %w: layer %s is missing", s.name, unpack.ErrIncomplete, artifact.Name(layer)), "pull all of it with `nerdctl wasm pull %s`", s.name)
	}
	return err
}
