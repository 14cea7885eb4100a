package transfer

import (
	"context"
	"fmt"
	"io"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/core/remotes"
	"github.com/containerd/containerd/v2/core/remotes/docker"
	"github.com/containerd/errdefs"
	"github.com/containerd/nerdctl/v2/pkg/api/types"
	"github.com/containerd/platforms"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/semaphore"

	"github.com/wasmfile/wasmfile/nerdctlplugin/advice"
	"github.com/wasmfile/wasmfile/nerdctlplugin/source"
	"github.com/wasmfile/wasmfile/pkg/artifact"
	"github.com/wasmfile/wasmfile/pkg/unpack"
)

// parallelUploads is how many blobs are pushed at the same time.
const parallelUploads = 4

// maxReachable is how many blobs an index may lead to.
const maxReachable = 4096

// PushOptions are those of Push.
type PushOptions struct {
	// Global are nerdctl's global options.
	Global types.GlobalCommandOptions
	// Platform is which manifest of an index to push when not all of the
	// index is there, empty for the best one for Wasm.
	Platform string
	// Sign is how to sign what was pushed.
	Sign types.ImageSignOptions
	// Quiet suppresses progress.
	Quiet bool
	// Stdout gets the reference with its digest, Stderr the progress.
	Stdout, Stderr io.Writer
}

// Push pushes an image of containerd, or the image in an OCI image layout with
// the attestations beside it, to the registry that ref names; an empty ref
// means the image's own name. The digest in the registry is the one that it has
// here.
func Push(ctx context.Context, raw, ref string, o PushOptions) error {
	ctx, src, err := source.Open(ctx, raw, o.Platform, o.Global)
	if err != nil {
		return err
	}
	defer src.Close()
	switch {
	case ref != "":
	case src.Layout != nil:
		return advice.Add(fmt.Errorf("%s is a layout, which has no name in a registry", raw), "say where to push it: `nerdctl wasm push %s REGISTRY/NAME:TAG`", raw)
	default:
		ref = src.Name
	}
	target, err := source.ParseReference(ref)
	if err != nil {
		return err
	}
	if err := src.Verify(ctx); err != nil {
		return err
	}
	root, err := pushable(ctx, src)
	if err != nil {
		return err
	}
	referrers, err := attestations(ctx, src)
	if err != nil {
		return err
	}
	ctx = unpack.WithProgressKeys(ctx)
	tracker := docker.NewInMemoryTracker()
	err = registry{host: target.Domain, global: o.Global, tracker: tracker}.with(ctx, func(ctx context.Context, resolver remotes.Resolver) error {
		pusher, err := resolver.Pusher(ctx, target.String()+"@"+root.Digest.String())
		if err != nil {
			return err
		}
		progress := newUploads(tracker)
		stop := showProgress(o.Stderr, o.Quiet, progress.statuses)
		defer stop()
		err = remotes.PushContent(ctx, pusher, root, src.Content, semaphore.NewWeighted(parallelUploads), platforms.All,
			func(h images.Handler) images.Handler {
				return images.Handlers(images.HandlerFunc(progress.add), h)
			})
		if err != nil {
			return err
		}
		return pushReferrers(ctx, resolver, target.Domain+"/"+target.Path, root.Digest, referrers)
	})
	if err != nil {
		return adviseRegistry(err, target.String(), target.Domain)
	}
	if err := sign(target, root.Digest, o.Global, o.Sign); err != nil {
		return err
	}
	_, err = fmt.Fprintf(o.Stdout, "%s@%s\n", target.String(), root.Digest)
	return err
}

// pushable is what to push: the root, or of an index that is not all there the
// artifact alone.
func pushable(ctx context.Context, s *source.Source) (ocispec.Descriptor, error) {
	missing, err := findMissing(ctx, s.Content, s.Root)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	if missing == "" {
		return s.Root, nil
	}
	a := s.Artifact.Descriptor
	return ocispec.Descriptor{MediaType: a.MediaType, Digest: a.Digest, Size: a.Size}, nil
}

// findMissing returns the digest of something that root leads to and that is
// not there, or the empty one.
func findMissing(ctx context.Context, provider content.Provider, root ocispec.Descriptor) (digest.Digest, error) {
	pending, seen := []ocispec.Descriptor{root}, map[digest.Digest]bool{}
	for len(pending) > 0 {
		desc := pending[0]
		pending = pending[1:]
		if seen[desc.Digest] {
			continue
		}
		if seen[desc.Digest] = true; len(seen) > maxReachable {
			return "", fmt.Errorf("%w: %s leads to more than %d blobs", artifact.ErrTooLarge, root.Digest, maxReachable)
		}
		children, err := childrenOf(ctx, provider, desc)
		if errdefs.IsNotFound(err) {
			return desc.Digest, nil
		}
		if err != nil {
			return "", fmt.Errorf("read %s: %w", desc.Digest, err)
		}
		pending = append(pending, children...)
	}
	return "", nil
}

// childrenOf is images.Children for content that is not trusted.
func childrenOf(ctx context.Context, provider content.Provider, desc ocispec.Descriptor) ([]ocispec.Descriptor, error) {
	if artifact.IsManifest(desc.MediaType) || artifact.IsIndex(desc.MediaType) {
		if _, err := artifact.ReadDocument(ctx, unpack.FromStore(provider), desc); err != nil {
			return nil, err
		}
		return images.Children(ctx, provider, desc)
	}
	reader, err := provider.ReaderAt(ctx, desc)
	if err != nil {
		return nil, err
	}
	return nil, reader.Close()
}
