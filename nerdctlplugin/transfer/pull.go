package transfer

import (
	"context"
	"fmt"
	"io"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/remotes"
	"github.com/containerd/nerdctl/v2/pkg/api/types"
	"github.com/opencontainers/go-digest"

	"github.com/wasmfile/wasmfile/nerdctlplugin/advice"
	"github.com/wasmfile/wasmfile/nerdctlplugin/daemon"
	"github.com/wasmfile/wasmfile/nerdctlplugin/images"
	"github.com/wasmfile/wasmfile/nerdctlplugin/source"
	"github.com/wasmfile/wasmfile/pkg/unpack"
)

// PullOptions are those of Pull.
type PullOptions struct {
	// Global are nerdctl's global options.
	Global types.GlobalCommandOptions
	// Platform is which manifest of an index to pull, empty for the best one
	// for Wasm.
	Platform string
	// Components are the names of the only components to fetch, none for all.
	Components []string
	// NoUnpack leaves filesystem layers packed, until a container needs them.
	NoUnpack bool
	// Precompile also compiles the components.
	Precompile bool
	// Quiet suppresses progress and prints the reference only.
	Quiet bool
	// Referrers has what refers to the artifact shown on Stderr.
	Referrers bool
	// Verify is how to verify signatures.
	Verify types.ImageVerifyOptions
	// Verified is the digest to pull, when it was verified before.
	Verified digest.Digest
	// Stdout gets the reference, Stderr the progress.
	Stdout, Stderr io.Writer
}

// Pull brings an artifact from its registry into containerd.
func Pull(ctx context.Context, raw string, o PullOptions) error {
	client, ctx, done, err := daemon.Connect(ctx, o.Global)
	if err != nil {
		return err
	}
	defer done()
	image, err := PullImage(ctx, client, raw, o)
	if err != nil {
		return err
	}
	if o.Precompile {
		if err := images.PrecompileSource(ctx, source.OfImage(client, image.Record, image.Artifact), images.PrecompileOptions{Global: o.Global, Stdout: o.Stderr, Stderr: o.Stderr}); err != nil {
			return fmt.Errorf("%s is pulled, but cannot be compiled: %w", image.Record.Name, err)
		}
	}
	return printImage(o.Stdout, image.Record, o.Quiet)
}

// PullImage is Pull with a client that is connected. It neither compiles nor prints the
// reference.
func PullImage(ctx context.Context, client *containerd.Client, raw string, o PullOptions) (*unpack.Image, error) {
	ref, err := source.ParseReference(raw)
	if err != nil {
		return nil, err
	}
	wanted := o.Verified
	if wanted == "" {
		if wanted, err = VerifySignature(ctx, raw, o.Global, o.Verify); err != nil {
			return nil, err
		}
	}
	var image *unpack.Image
	err = registry{host: ref.Domain, global: o.Global}.with(ctx, func(ctx context.Context, resolver remotes.Resolver) (err error) {
		name, root, err := resolver.Resolve(ctx, pinned(ref, wanted))
		if err != nil {
			return err
		}
		fetcher, err := resolver.Fetcher(ctx, name)
		if err != nil {
			return err
		}
		if o.Referrers && !o.Quiet {
			show := referrers(ctx, fetcher, root.Digest)
			defer func() {
				if err == nil {
					show(o.Stderr)
				}
			}()
		}
		progress := newDownloads(ctx)
		stop := showProgress(o.Stderr, o.Quiet, progress.statuses)
		defer stop()
		image, err = unpack.Import(ctx, client, ref.String(), root, fetcher, unpack.Options{
			Snapshotter: o.Global.Snapshotter,
			NoUnpack:    o.NoUnpack,
			Platform:    o.Platform,
			Components:  o.Components,
			Source:      ref.String(),
			OnProgress:  progress.note,
		})
		return err
	})
	if err != nil && ctx.Err() != nil {
		return nil, advice.Add(fmt.Errorf("pull %s: %w", ref.String(), context.Cause(ctx)), "what was fetched is kept for a day, for the next pull to go on")
	}
	if err != nil {
		return nil, adviseRegistry(err, ref.String(), ref.Domain)
	}
	return image, nil
}
