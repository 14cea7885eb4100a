package action

import (
	"context"
	"fmt"
	"io"

	"github.com/containerd/nerdctl/v2/pkg/api/types"
	"github.com/containerd/nerdctl/v2/pkg/cmd/container"
	"github.com/containerd/nerdctl/v2/pkg/formatter"
)

// PsOptions are those of Ps.
type PsOptions struct {
	// List are nerdctl's options of `nerdctl ps`.
	List types.ContainerListOptions
	// Quiet prints IDs only.
	Quiet bool
	// Format is a Go template for each ListedContainer, "json" or "table".
	Format string
	// Stdout is where it is written.
	Stdout io.Writer
}

// ListedContainer is a container as Ps lists it.
type ListedContainer struct {
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

// Ps lists the containers that run Wasm, whoever made them.
func Ps(ctx context.Context, o PsOptions) error {
	client, ctx, done, err := connect(ctx, o.List.GOptions)
	if err != nil {
		return err
	}
	defer done()
	guests, err := findGuests(ctx, client)
	if err != nil {
		return err
	}
	// nerdctl lists what its client's store has, so that -n counts Wasm only.
	filtered, err := withGuestsOnly(client, o.List.GOptions.Namespace, guests)
	if err != nil {
		return err
	}
	truncate := o.List.Truncate
	o.List.Truncate = false // whole IDs, to find the guests by
	items, err := container.List(ctx, filtered, o.List)
	if err != nil {
		return fmt.Errorf("list containers: %w", err)
	}
	var entries []entry
	for _, item := range items {
		listed := guests[item.ID].list(item)
		if truncate {
			listed.ID = listed.ID[:min(len(listed.ID), 12)]
			listed.Command = formatter.Ellipsis(listed.Command, 20)
		}
		entries = append(entries, entry{id: listed.ID, value: listed, fields: o.fields(listed)})
	}
	columns := []string{"CONTAINER ID", "IMAGE", "COMMAND", "CREATED", "STATUS", "PORTS", "NAMES", "COMPONENT", "OF", "WASI", "UNIQUE SIZE"}
	if o.List.Size {
		columns = append(columns, "SIZE")
	}
	return listing{out: o.Stdout, quiet: o.Quiet, format: o.Format, columns: columns}.write(entries)
}

func (o PsOptions) fields(c ListedContainer) []string {
	fields := []string{
		c.ID, c.Image, c.Command, formatter.TimeSinceInHuman(c.CreatedAt), c.Status, c.Ports, c.Names,
		c.Component, fmt.Sprint(len(c.Components)), c.WASI, c.UniqueSize,
	}
	if o.List.Size {
		fields = append(fields, c.Size)
	}
	return fields
}
