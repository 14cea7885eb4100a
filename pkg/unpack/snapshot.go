package unpack

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/snapshots"
	"github.com/containerd/containerd/v2/defaults"
	"github.com/containerd/containerd/v2/pkg/rootfs"
	"github.com/containerd/errdefs"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/identity"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/wasmfile/wasmfile/pkg/artifact"
)

// gcSnapshotLabel, followed by a snapshotter's name, is the label on a config
// that keeps its snapshot.
const gcSnapshotLabel = "containerd.io/gc.ref.snapshot."

// step is one position in rootfs.diff_ids.
type step struct {
	diffID digest.Digest
	layer  ocispec.Descriptor
}

// Snapshot unpacks the filesystem layers of an artifact whose content is
// stored. The snapshot gets the name that containerd's clients derive from
// rootfs.diff_ids, whichever way these are counted: where they count layers
// that are Wasm, those add an empty step. It returns an error that matches
// artifact.ErrInvalid for other diff_ids.
func Snapshot(ctx context.Context, client *containerd.Client, a *artifact.Artifact, snapshotter string) error {
	steps, err := snapshotSteps(a)
	if err != nil || len(steps) == 0 {
		return err
	}
	if snapshotter, err = chosenSnapshotter(ctx, client, snapshotter); err != nil {
		return err
	}
	service, applier := client.SnapshotService(snapshotter), client.DiffService()
	var chain []digest.Digest
	for _, s := range steps {
		if artifact.IsWasmLayer(s.layer.MediaType) {
			err = emptyStep(ctx, service, chain, s.diffID)
		} else {
			_, err = rootfs.ApplyLayerWithOpts(ctx, rootfs.Layer{
				Diff: ocispec.Descriptor{MediaType: ocispec.MediaTypeImageLayer, Digest: s.diffID},
				Blob: s.layer,
			}, chain, service, applier, nil, nil)
		}
		if err != nil {
			return fmt.Errorf("unpack with snapshotter %s: %w", snapshotter, err)
		}
		chain = append(chain, s.diffID)
	}
	label := gcSnapshotLabel + snapshotter
	_, err = client.ContentStore().Update(ctx, content.Info{
		Digest: a.Manifest.Config.Digest,
		Labels: map[string]string{label: identity.ChainID(chain).String()},
	}, "labels."+label)
	if err != nil {
		return fmt.Errorf("label the config %s: %w", a.Manifest.Config.Digest, err)
	}
	return nil
}

// hasSnapshot reports whether Snapshot has nothing to do.
func hasSnapshot(ctx context.Context, client *containerd.Client, a *artifact.Artifact, snapshotter string) (bool, error) {
	steps, err := snapshotSteps(a)
	if err != nil || len(steps) == 0 {
		return err == nil, err
	}
	if snapshotter, err = chosenSnapshotter(ctx, client, snapshotter); err != nil {
		return false, err
	}
	var chain []digest.Digest
	for _, s := range steps {
		chain = append(chain, s.diffID)
	}
	name := identity.ChainID(chain).String()
	config, err := client.ContentStore().Info(ctx, a.Manifest.Config.Digest)
	if err != nil || config.Labels[gcSnapshotLabel+snapshotter] != name {
		return false, ignoreNotFound(err)
	}
	_, err = client.SnapshotService(snapshotter).Stat(ctx, name)
	return err == nil, ignoreNotFound(err)
}

// lazySnapshotters fetch layers by themselves, when files are opened, from an
// image made for that, which containerd has not unpacked.
var lazySnapshotters = []string{"stargz", "soci", "nydus", "overlaybd", "cvmfs"}

// checkSnapshotter refuses a snapshotter that does not take unpacked layers.
func checkSnapshotter(name string) error {
	if slices.ContainsFunc(lazySnapshotters, func(lazy string) bool { return strings.Contains(name, lazy) }) {
		return fmt.Errorf("snapshotter %s fetches the layers of images by itself, and those of Wasm artifacts it does not know (%w): use another one, such as overlayfs or native",
			name, errdefs.ErrNotImplemented)
	}
	return nil
}

// chosenSnapshotter is the given snapshotter, or the namespace's default.
func chosenSnapshotter(ctx context.Context, client *containerd.Client, name string) (string, error) {
	if name != "" {
		return name, nil
	}
	name, err := client.GetLabel(ctx, defaults.DefaultSnapshotterNSLabel)
	if err != nil {
		return "", fmt.Errorf("find the default snapshotter: %w", err)
	}
	return cmp.Or(name, defaults.DefaultSnapshotter), nil
}

// snapshotSteps pairs diff_ids with layers. artifact.Read made sure that they
// count either all layers or the filesystem layers.
//
// A snapshot's name is made of diff_ids and shared by all images, so an
// artifact must not give the name of somebody's layer to an empty step: the
// diff ID of a Wasm layer has to be the digest of the blob, and other layers
// have none.
func snapshotSteps(a *artifact.Artifact) ([]step, error) {
	if a.Form != artifact.FormOCI && a.Form != artifact.FormImage {
		return nil, nil
	}
	layers, diffIDs := a.FilesystemLayers(), a.Config.RootFS.DiffIDs
	if len(layers) != len(diffIDs) {
		layers = a.Manifest.Layers
	}
	steps := make([]step, 0, len(diffIDs))
	for i, diffID := range diffIDs {
		layer := layers[i]
		wasm := artifact.IsWasmLayer(layer.MediaType) && diffID == layer.Digest
		if !wasm && !artifact.IsFilesystemLayer(layer.MediaType) {
			return nil, fmt.Errorf("%w: rootfs.diff_ids says %s for layer %d, %s of type %s, which is not a filesystem", artifact.ErrInvalid, diffID, i, layer.Digest, layer.MediaType)
		}
		steps = append(steps, step{diffID: diffID, layer: layer})
	}
	return steps, nil
}

// emptyStep commits a snapshot that is the same as its parent.
func emptyStep(ctx context.Context, service snapshots.Snapshotter, chain []digest.Digest, diffID digest.Digest) error {
	parent := identity.ChainID(chain).String()
	name := identity.ChainID(append(chain[:len(chain):len(chain)], diffID)).String()
	if _, err := service.Stat(ctx, name); err == nil {
		return nil
	} else if !errdefs.IsNotFound(err) {
		return fmt.Errorf("look for snapshot %s: %w", name, err)
	}
	key := fmt.Sprintf(snapshots.UnpackKeyFormat, "empty", name)
	if _, err := service.Prepare(ctx, key, parent); err != nil && !errdefs.IsAlreadyExists(err) {
		return fmt.Errorf("prepare snapshot %s: %w", name, err)
	}
	if err := service.Commit(ctx, name, key); err != nil && !errdefs.IsAlreadyExists(err) {
		return fmt.Errorf("commit snapshot %s: %w", name, err)
	}
	return nil
}
