package containers

import (
	"context"
	"crypto/rand"
	"fmt"
	"maps"
	"os/exec"
	"strings"
	"time"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/containers"
	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/core/leases"
	"github.com/containerd/errdefs"
	"github.com/containerd/nerdctl/v2/pkg/healthcheck"
	"github.com/containerd/nerdctl/v2/pkg/labels"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"google.golang.org/grpc"

	"github.com/wasmfile/wasmfile/nerdctlplugin/advice"
	"github.com/wasmfile/wasmfile/nerdctlplugin/daemon"
	"github.com/wasmfile/wasmfile/pkg/artifact"
	"github.com/wasmfile/wasmfile/pkg/unpack"
)

// standInLife is how long an image lives that is there for the making of a container, when
// it is not removed.
const standInLife = time.Hour

// expiry are the labels of such an image, for when this process is killed: containerd's
// garbage collector removes it then.
func expiry() map[string]string {
	return map[string]string{"containerd.io/gc.expire": time.Now().Add(standInLife).UTC().Format(time.RFC3339)}
}

// maxLabelSize is how long key and value of a label on a containerd object may
// be together, in bytes.
const maxLabelSize = 4096

// runnable returns the name of an image that nerdctl can create a container of:
// it insists on an OCI image config, on a platform in it, and on diff_ids that
// count filesystem layers only; and it takes labels of the config for its own. An
// artifact that has all that, and no such label, is its own. For another there is a
// stand-in with the same layers until release is called; the container does not need
// it.
func runnable(ctx context.Context, client *containerd.Client, image *unpack.Image) (name string, release func(), err error) {
	a := image.Artifact
	complete := a.Form == artifact.FormImage || a.Form == artifact.FormOCI && a.Config.OS != "" && a.Config.Architecture != "" &&
		len(a.Config.RootFS.DiffIDs) == len(a.FilesystemLayers())
	if complete && len(withoutReserved(a.Config.Config.Labels)) == len(a.Config.Config.Labels) {
		return image.Record.Name, func() {}, nil
	}
	ctx, unlease, err := client.WithLease(ctx, leases.WithRandomID(), leases.WithExpiration(standInLife))
	if err != nil {
		return "", nil, fmt.Errorf("create a lease: %w", err)
	}
	standIn, err := writeStandIn(ctx, client.ContentStore(), image)
	if err == nil {
		standIn, err = client.ImageService().Create(ctx, standIn)
	}
	ctx = context.WithoutCancel(ctx)
	if err != nil {
		advice.Warn(ctx, unlease(ctx))
		return "", nil, fmt.Errorf("make %s runnable: %w", image.Record.Name, err)
	}
	return standIn.Name, func() {
		removeImage(ctx, client, standIn.Name)
		advice.Warn(ctx, unlease(ctx))
	}, nil
}

// removeImage removes an image that was there for the making of a container.
func removeImage(ctx context.Context, client *containerd.Client, name string) {
	ctx = context.WithoutCancel(ctx)
	if err := client.ImageService().Delete(ctx, name); err != nil && !errdefs.IsNotFound(err) {
		advice.Warn(ctx, fmt.Errorf("remove the image %s: %w", name, err))
	}
}

// withoutReserved are the labels of an image that mean nothing to nerdctl. It copies
// an image's labels to the container, and there takes those with its prefix, anywhere
// in the key, for what it wrote itself: such as the file of the host to which its hook
// writes a process's ID, or the volumes to remove.
func withoutReserved(of map[string]string) map[string]string {
	left := maps.Clone(of)
	maps.DeleteFunc(left, func(key, _ string) bool { return strings.Contains(key, labels.Prefix) })
	return left
}

// writeStandIn stores a manifest and a config for an artifact that nerdctl cannot
// be given as it is.
func writeStandIn(ctx context.Context, store content.Ingester, image *unpack.Image) (images.Image, error) {
	a := image.Artifact
	config := a.Config
	config.Platform = a.Platform()
	config.RootFS = ocispec.RootFS{Type: "layers", DiffIDs: a.FilesystemDiffIDs()}
	config.Config.Labels = withoutReserved(config.Config.Labels)
	if a.Form != artifact.FormOCI && a.Form != artifact.FormImage {
		config.Config.Entrypoint = []string{artifact.Name(a.WasmLayers()[0])}
	}
	configDesc, err := daemon.WriteJSON(ctx, store, ocispec.MediaTypeImageConfig, config, nil)
	if err != nil {
		return images.Image{}, err
	}
	manifest := ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2},
		MediaType: ocispec.MediaTypeImageManifest,
		Config:    configDesc,
		Layers:    a.Manifest.Layers,
	}
	references := map[string]string{"containerd.io/gc.ref.content.config": configDesc.Digest.String()}
	target, err := daemon.WriteJSON(ctx, store, ocispec.MediaTypeImageManifest, manifest, references)
	if err != nil {
		return images.Image{}, err
	}
	name, _, _ := strings.Cut(image.Record.Name, "@")
	if i := strings.LastIndexByte(name, ':'); i > strings.LastIndexByte(name, '/') {
		name = name[:i]
	}
	return images.Image{
		Name:   name + ":wasmfile-" + rand.Text(), // this process's own, which no other removes
		Target: target,
		Labels: expiry(),
	}, nil
}

// withStore returns a client like the given one, for nerdctl, with another store of
// containers.
func withStore(client *containerd.Client, namespace string, store containers.Store) (*containerd.Client, error) {
	conn, ok := client.Conn().(*grpc.ClientConn)
	if !ok {
		return nil, fmt.Errorf("containerd's client has a connection of type %T", client.Conn())
	}
	substitute, err := containerd.NewWithConn(conn,
		containerd.WithDefaultNamespace(namespace),
		containerd.WithServices(containerd.WithContainerStore(store)))
	if err != nil {
		return nil, fmt.Errorf("connect to containerd: %w", err)
	}
	return substitute, nil
}

// substitutingStore is a container store that records what is created with an image and a
// health check in place of those that nerdctl gives it, with what its runtime needs, and
// without labels that containerd would refuse for their length.
type substitutingStore struct {
	containers.Store
	// image is the name that the user gave.
	image string
	// healthCheck is one without a shell, nil for none.
	healthCheck *healthcheck.Healthcheck
}

// Create stores a container.
func (s substitutingStore) Create(ctx context.Context, c containers.Container) (containers.Container, error) {
	c.Image = s.image
	c.Labels = maps.Clone(c.Labels)
	if !daemon.IsOwnRuntime(c.Runtime.Name) && c.Spec != nil {
		reader, err := exec.LookPath("cat")
		if err == nil {
			c.Spec, err = withPrestartHook(c.Spec, reader)
		}
		if err != nil {
			return c, fmt.Errorf("hooks for runtime %s: %w", c.Runtime.Name, err)
		}
	}
	if err := setHealthCheck(c.Labels, s.healthCheck); err != nil {
		return c, err
	}
	// These come from the image's config; the shim reads annotations instead.
	maps.DeleteFunc(c.Labels, func(key, value string) bool {
		return artifact.IsLayerLabel(key) && len(key)+len(value) > maxLabelSize
	})
	return s.Store.Create(ctx, c)
}
