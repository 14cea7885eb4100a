package action

import (
	"context"
	"encoding/json"
	"fmt"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/containers"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/nerdctl/v2/pkg/cmd/container"
	"github.com/docker/go-units"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/opencontainers/runtime-spec/specs-go"
	"google.golang.org/grpc"

	"github.com/wasmfile/wasmfile/pkg/artifact"
	"github.com/wasmfile/wasmfile/pkg/unpack"
)

// guestInfo is what is known of a Wasm container.
type guestInfo struct {
	layers []ocispec.Descriptor
	// file says that the component is a file, and no layer.
	file bool
	arg0 string
	wasi string
}

// findGuests are the containers that run Wasm, by ID: those whose annotations
// say so, and those of an artifact that other clients made.
func findGuests(ctx context.Context, client *containerd.Client) (map[string]guestInfo, error) {
	records, err := client.ContainerService().List(ctx)
	if err != nil {
		return nil, fmt.Errorf("list containers: %w", err)
	}
	guests := make(map[string]guestInfo)
	artifacts := make(map[string]*artifact.Artifact)
	for _, record := range records {
		if record.Spec == nil {
			continue
		}
		var spec specs.Spec
		if err := json.Unmarshal(record.Spec.GetValue(), &spec); err != nil {
			continue // not a container of runc's kind
		}
		guest := guestInfo{wasi: "-"}
		if spec.Process != nil && len(spec.Process.Args) > 0 {
			guest.arg0 = spec.Process.Args[0]
		}
		if layers, err := artifact.LayersFromAnnotations(spec.Annotations); err == nil {
			guest.layers = layers
		}
		key := record.Image + " " + spec.Annotations[artifact.AnnotationManifest]
		a, known := artifacts[key]
		if !known {
			a = artifactOf(ctx, client, record, spec.Annotations)
			artifacts[key] = a
		}
		if a != nil {
			guest.wasi = wasiVersion(ctx, client.ContentStore(), a)
			if guest.layers == nil {
				guest.layers = a.WasmLayers()
			}
			if a.Form == artifact.FormImage {
				guest.file = true
			}
		}
		if len(guest.layers) > 0 || guest.file {
			guests[record.ID] = guest
		}
	}
	return guests, nil
}

// artifactOf reads the artifact of a container: by its manifest, which it may
// have recorded, else by the name of its image. It returns nil when there is
// none.
func artifactOf(ctx context.Context, client *containerd.Client, record containers.Container, annotations map[string]string) *artifact.Artifact {
	image := images.Image{Name: record.Image}
	if encoded, ok := annotations[artifact.AnnotationManifest]; !ok || json.Unmarshal([]byte(encoded), &image.Target) != nil {
		var err error
		if image, err = client.ImageService().Get(ctx, record.Image); err != nil {
			return nil
		}
	}
	a, err := unpack.Read(ctx, client.ContentStore(), image, "")
	if err != nil {
		return nil
	}
	return a
}

// list adds to what nerdctl says of a container.
func (g guestInfo) list(item container.ListItem) ListedContainer {
	listed := ListedContainer{ListItem: item, WASI: g.wasi, Components: artifact.Names(g.layers), Component: "-"}
	if g.file {
		listed.Component, listed.Components, listed.UniqueSize = g.arg0, []string{g.arg0}, "-"
		return listed
	}
	if entry, err := artifact.Select(g.layers, g.arg0); err == nil {
		listed.Component = artifact.Name(entry.Layer)
		if entry.Func != "" {
			listed.Component += "#" + entry.Func
		}
	}
	seen := make(map[digest.Digest]bool)
	for _, layer := range g.layers {
		if !seen[layer.Digest] {
			listed.UniqueSizeBytes += layer.Size
		}
		seen[layer.Digest] = true
	}
	listed.UniqueSize = units.HumanSize(float64(listed.UniqueSizeBytes))
	return listed
}

// withGuestsOnly returns a client like the given one that knows of no other
// containers than these.
func withGuestsOnly(client *containerd.Client, namespace string, guests map[string]guestInfo) (*containerd.Client, error) {
	conn, ok := client.Conn().(*grpc.ClientConn)
	if !ok {
		return nil, fmt.Errorf("containerd's client has a connection of type %T", client.Conn())
	}
	return containerd.NewWithConn(conn,
		containerd.WithDefaultNamespace(namespace),
		containerd.WithServices(containerd.WithContainerStore(guestStore{client.ContainerService(), guests})))
}

// guestStore is a container store that lists guests only.
type guestStore struct {
	containers.Store
	guests map[string]guestInfo
}

// List lists containers.
func (s guestStore) List(ctx context.Context, filters ...string) ([]containers.Container, error) {
	all, err := s.Store.List(ctx, filters...)
	if err != nil {
		return nil, err
	}
	var listed []containers.Container
	for _, c := range all {
		if _, ok := s.guests[c.ID]; ok {
			listed = append(listed, c)
		}
	}
	return listed, nil
}
