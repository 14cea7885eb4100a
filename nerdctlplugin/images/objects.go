package images

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/errdefs"
	"github.com/containerd/nerdctl/v2/pkg/api/types"
	"github.com/containerd/nerdctl/v2/pkg/cmd/container"
	"github.com/containerd/nerdctl/v2/pkg/cmd/image"
	"github.com/containerd/nerdctl/v2/pkg/cmd/network"
	"github.com/containerd/nerdctl/v2/pkg/cmd/volume"
	"github.com/containerd/nerdctl/v2/pkg/inspecttypes/dockercompat"
	"github.com/containerd/nerdctl/v2/pkg/inspecttypes/native"
	"github.com/containerd/nerdctl/v2/pkg/netutil"

	"github.com/wasmfile/wasmfile/nerdctlplugin/daemon"
	"github.com/wasmfile/wasmfile/nerdctlplugin/source"
	"github.com/wasmfile/wasmfile/pkg/artifact"
)

// typeImage is the type of an artifact for Inspect, as users of containers call it.
const typeImage = "image"

// errNoObject is returned when there is nothing of a type with a name.
var errNoObject = errors.New("no such object")

// nerdctlObjects are the types of what Inspect shows as nerdctl does, in the order in
// which a name is looked for. Each returns errNoObject when there is none.
var nerdctlObjects = []struct {
	kind string
	find func(ctx context.Context, client *containerd.Client, name string, o InspectOptions) (any, error)
}{
	{"container", containerEntry},
	{"volume", volumeEntry},
	{"network", networkEntry},
}

// findObject finds what has a name. When there is nothing, the error is that of
// looking for an artifact, if that is allowed.
func findObject(ctx context.Context, name string, o InspectOptions) (object, error) {
	var artifactErr error
	if o.Type == "" || o.Type == typeImage {
		_, src, err := source.Open(ctx, name, o.Platform, o.Global)
		switch {
		case err == nil:
			return object{artifact: src}, nil
		case o.Type == typeImage:
			return object{}, err
		}
		artifactErr = err
	}
	client, ctx, done, err := daemon.Connect(ctx, o.Global)
	if err != nil && artifactErr != nil && source.LooksLikePath(name) {
		err = artifactErr
	}
	if err != nil {
		return object{}, err
	}
	defer done()
	if errors.Is(artifactErr, artifact.ErrNoWasm) && o.Mode == InspectDockerCompat {
		entry, err := imageEntry(ctx, client, name, o)
		return object{entry: entry}, err
	}
	known := o.Type == ""
	for _, of := range nerdctlObjects {
		if o.Type != "" && o.Type != of.kind {
			continue
		}
		known = true
		entry, err := of.find(ctx, client, name, o)
		if err == nil && (o.Mode == InspectTable || o.Mode == InspectWIT) {
			err = fmt.Errorf("%s is a %s, and --mode %s is for artifacts", name, of.kind, o.Mode)
		}
		if err == nil || !errors.Is(err, errNoObject) {
			return object{entry: entry}, err
		}
	}
	switch {
	case !known:
		return object{}, fmt.Errorf("--type %s: it has to be image, container, volume or network", o.Type)
	case errors.Is(artifactErr, errdefs.ErrNotFound):
		return object{}, fmt.Errorf("there is no artifact, container, volume or network %s: %w", name, artifactErr)
	case artifactErr != nil:
		return object{}, artifactErr
	}
	return object{}, fmt.Errorf("%s %s: %w", o.Type, name, errNoObject)
}

// nerdctlMode is how nerdctl is to show something.
func (o InspectOptions) nerdctlMode() string {
	if o.Mode == InspectNative {
		return string(InspectNative)
	}
	return string(InspectDockerCompat)
}

func imageEntry(ctx context.Context, client *containerd.Client, name string, o InspectOptions) (any, error) {
	return only(image.Inspect(ctx, client, []string{name}, types.ImageInspectOptions{
		GOptions: o.Global, Mode: o.nerdctlMode(), Platform: o.Platform, Stdout: o.Stdout,
	}))
}

func containerEntry(ctx context.Context, client *containerd.Client, name string, o InspectOptions) (any, error) {
	found, err := daemon.FindContainer(ctx, client, name)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errNoObject, err)
	}
	return only(container.Inspect(ctx, client, []string{found.ID()}, types.ContainerInspectOptions{
		GOptions: o.Global, Mode: o.nerdctlMode(), Size: o.Size, Stdout: o.Stdout,
	}))
}

// only is the entry that nerdctl found for one name.
func only(entries []any, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	if len(entries) == 0 {
		return nil, errNoObject
	}
	return entries[0], nil
}

func volumeEntry(_ context.Context, _ *containerd.Client, name string, o InspectOptions) (any, error) {
	store, err := volume.Store(o.Global.Namespace, o.Global.DataRoot, o.Global.Address)
	if err != nil {
		return nil, fmt.Errorf("open nerdctl's volumes: %w", err)
	}
	found, err := store.Get(name, o.Size)
	if err != nil { // a name that no volume can have, too
		return nil, fmt.Errorf("%w: %w", errNoObject, err)
	}
	return found, nil
}

func networkEntry(ctx context.Context, client *containerd.Client, name string, o InspectOptions) (any, error) {
	networks, err := netutil.NewCNIEnv(o.Global.CNIPath, o.Global.CNINetConfPath, netutil.WithNamespace(o.Global.Namespace))
	if err != nil {
		return nil, fmt.Errorf("read nerdctl's networks: %w", err)
	}
	// Inspect would log what it does not find.
	if matches, _ := networks.ListNetworksMatch([]string{name}, true); len(matches[name]) == 0 {
		return nil, errNoObject
	}
	var encoded bytes.Buffer
	if err := network.Inspect(ctx, client, types.NetworkInspectOptions{
		GOptions: o.Global, Mode: o.nerdctlMode(), Networks: []string{name}, Format: "{{json .}}", Stdout: &encoded,
	}); err != nil {
		return nil, fmt.Errorf("network %s: %w", name, err)
	}
	var entry any = new(dockercompat.Network)
	if o.Mode == InspectNative {
		entry = new(native.Network)
	}
	if err := json.Unmarshal(encoded.Bytes(), entry); err != nil {
		return nil, fmt.Errorf("network %s: %w", name, err)
	}
	return entry, nil
}
