package source

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/leases"
	"github.com/containerd/containerd/v2/core/mount"
	"github.com/containerd/containerd/v2/defaults"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/identity"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/wasmfile/wasmfile/nerdctlplugin/advice"
	"github.com/wasmfile/wasmfile/pkg/artifact"
)

// viewLife is how long files of an image are shown at most, when nobody says that they
// need not be any more.
const viewLife = 6 * time.Hour

// WithRootfs has do read the files of an image that is unpacked: those of its filesystem
// layers, whose diff_ids are given. An empty snapshotter is containerd's default. The
// files can be read until do returns.
func WithRootfs(ctx context.Context, client *containerd.Client, diffIDs []digest.Digest, snapshotter string, do func(*os.Root) error) error {
	if snapshotter == "" {
		snapshotter = defaults.DefaultSnapshotter
	}
	ctx, unlease, err := client.WithLease(ctx, leases.WithRandomID(), leases.WithExpiration(viewLife))
	if err != nil {
		return fmt.Errorf("create a lease: %w", err)
	}
	defer func() { advice.Warn(ctx, unlease(context.WithoutCancel(ctx))) }()
	service := client.SnapshotService(snapshotter)
	chain := identity.ChainID(diffIDs).String()
	key := fmt.Sprintf("wasmfile-view-%s-%d", digest.FromString(chain).Encoded()[:12], os.Getpid())
	mounts, err := service.View(ctx, key, chain)
	if err != nil {
		return fmt.Errorf("view its files: %w", err)
	}
	defer func() { advice.Warn(ctx, service.Remove(context.WithoutCancel(ctx), key)) }()
	var done error // not wrapped with where the files were shown
	err = mount.WithReadonlyTempMount(ctx, mounts, func(dir string) error {
		root, err := os.OpenRoot(dir)
		if err != nil {
			return err
		}
		done = do(root)
		return root.Close()
	})
	return errors.Join(done, err)
}

// FilesystemDiffIDs are the diff_ids of the filesystem layers, also where an
// artifact counts all layers.
func FilesystemDiffIDs(a *artifact.Artifact) []digest.Digest {
	diffIDs := []digest.Digest{}
	layers := a.Manifest.Layers
	if len(a.Config.RootFS.DiffIDs) != len(layers) {
		return append(diffIDs, a.Config.RootFS.DiffIDs...)
	}
	for i, layer := range layers {
		if artifact.IsFilesystemLayer(layer.MediaType) {
			diffIDs = append(diffIDs, a.Config.RootFS.DiffIDs[i])
		}
	}
	return diffIDs
}

// Platform is the platform of an artifact as nerdctl is told it: that of its config, or
// wasip2/wasm where a config of form CNCF lacks one.
func Platform(a *artifact.Artifact) ocispec.Platform {
	platform := a.Config.Platform
	if platform.OS == "" || platform.Architecture == "" {
		return ocispec.Platform{OS: "wasip2", Architecture: "wasm"}
	}
	return platform
}
