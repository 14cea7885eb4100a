package containers

import (
	"cmp"
	"context"
	"fmt"
	"io"

	"github.com/containerd/containerd/v2/core/containers"
	"github.com/containerd/nerdctl/v2/pkg/api/types"
	"github.com/containerd/nerdctl/v2/pkg/cmd/container"
	"github.com/containerd/nerdctl/v2/pkg/formatter"
	"github.com/docker/go-units"
	"github.com/opencontainers/go-digest"

	"github.com/wasmfile/wasmfile/nerdctlplugin/daemon"
	"github.com/wasmfile/wasmfile/nerdctlplugin/output"
	"github.com/wasmfile/wasmfile/pkg/artifact"
)

// ListOptions are those of List.
type ListOptions struct {
	// List are nerdctl's options of `nerdctl ps`.
	List types.ContainerListOptions
	// Quiet prints IDs only.
	Quiet bool
	// Format is a Go template for each Listed, "json" or "table".
	Format string
	// Stdout is where it is written.
	Stdout io.Writer
}

// Listed is a container as List lists it.
type Listed struct {
	container.ListItem
	// Component is the one that runs.
	Component string
	// Components are the names of all that the container's artifact has.
	Components []string
	// WASI is the version that the artifact needs, such as "0.2".
	WASI string
	// UniqueSize is that of the components, each counted once, as people read
	// it, and UniqueSizeBytes the same in bytes.
	UniqueSize      string
	UniqueSizeBytes int64
}

// List lists the containers that run Wasm, whoever made them.
func List(ctx context.Context, o ListOptions) error {
	client, ctx, done, err := daemon.Connect(ctx, o.List.GOptions)
	if err != nil {
		return err
	}
	defer done()
	guests, err := findGuests(ctx, client)
	if err != nil {
		return err
	}
	// nerdctl lists what its client's store has, so that -n counts Wasm only.
	filtered, err := withStore(client, o.List.GOptions.Namespace, guestStore{client.ContainerService(), guests})
	if err != nil {
		return err
	}
	truncate := o.List.Truncate
	o.List.Truncate = false // whole IDs, to find the guests by
	items, err := container.List(ctx, filtered, o.List)
	if err != nil {
		return fmt.Errorf("list containers: %w", err)
	}
	var entries []output.Entry
	for _, item := range items {
		listed := guests[item.ID].list(item)
		if truncate {
			listed.ID = listed.ID[:min(len(listed.ID), 12)]
			listed.Command = formatter.Ellipsis(listed.Command, 20)
		}
		entries = append(entries, output.Entry{ID: listed.ID, Value: listed, Fields: o.fields(listed)})
	}
	columns := []string{"CONTAINER ID", "IMAGE", "COMMAND", "CREATED", "STATUS", "PORTS", "NAMES", "COMPONENT", "OF", "WASI", "UNIQUE SIZE"}
	if o.List.Size {
		columns = append(columns, "SIZE")
	}
	return output.Listing{Out: o.Stdout, Quiet: o.Quiet, Format: o.Format, Columns: columns}.Write(entries)
}

func (o ListOptions) fields(c Listed) []string {
	fields := []string{
		c.ID, c.Image, c.Command, formatter.TimeSinceInHuman(c.CreatedAt), c.Status, c.Ports, c.Names,
		c.Component, fmt.Sprint(len(c.Components)), c.WASI, c.UniqueSize,
	}
	if o.List.Size {
		fields = append(fields, c.Size)
	}
	return fields
}

// Names are the names of the containers that run Wasm, else their IDs, for
// completion.
func Names(ctx context.Context, global types.GlobalCommandOptions) ([]string, error) {
	client, ctx, done, err := daemon.Connect(ctx, global)
	if err != nil {
		return nil, err
	}
	defer done()
	guests, err := findGuests(ctx, client)
	if err != nil {
		return nil, err
	}
	var names []string
	for id, g := range guests {
		names = append(names, cmp.Or(g.name, id))
	}
	return names, nil
}

// list adds to what nerdctl says of a container.
func (g *guest) list(item container.ListItem) Listed {
	listed := Listed{ListItem: item, WASI: g.wasi, Components: artifact.Names(g.layers), Component: "-"}
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

// guestStore is a container store that lists guests only.
type guestStore struct {
	containers.Store
	guests map[string]*guest
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
