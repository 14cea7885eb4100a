package source

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/containerd/containerd/v2/core/leases"
	"github.com/containerd/containerd/v2/core/mount"
	"github.com/containerd/containerd/v2/defaults"
	"github.com/opencontainers/image-spec/identity"

	"github.com/wasmfile/wasmfile/nerdctlplugin/advice"
	"github.com/wasmfile/wasmfile/nerdctlplugin/daemon"
	"github.com/wasmfile/wasmfile/pkg/unpack"
)

// viewLife is how long files of an image are shown at most, when nobody says that they
// need not be any more.
const viewLife = 6 * time.Hour

// WithFiles has do read the files of an artifact in containerd, which is unpacked if it was
// not. An empty snapshotter is containerd's default. The files can be read until do returns.
func (s *Source) WithFiles(ctx context.Context, snapshotter string, do func(*os.Root) error) error {
	if snapshotter == "" {
		snapshotter = defaults.DefaultSnapshotter
	}
	ctx, unlease, err := s.Client.WithLease(ctx, leases.WithRandomID(), leases.WithExpiration(viewLife))
	if err != nil {
		return fmt.Errorf("create a lease: %w", err)
	}
	defer func() { advice.Warn(ctx, unlease(context.WithoutCancel(ctx))) }()
	if err := unpack.Snapshot(ctx, s.Client, s.Artifact, snapshotter); err != nil {
		return fmt.Errorf("unpack %s: %w", s.Name, daemon.AdviseImage(err, s.Name))
	}
	service := s.Client.SnapshotService(snapshotter)
	chain := identity.ChainID(s.Artifact.Config.RootFS.DiffIDs).String()
	key := "wasmfile-view-" + rand.Text()
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
