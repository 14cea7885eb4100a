package images

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/pkg/namespaces"
	"github.com/containerd/nerdctl/v2/pkg/api/types"
	"github.com/containerd/nerdctl/v2/pkg/formatter"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/wasmfile/wasmfile/nerdctlplugin/source"
	"github.com/wasmfile/wasmfile/pkg/artifact"
	"github.com/wasmfile/wasmfile/pkg/unpack"
	"github.com/wasmfile/wasmfile/pkg/wasm"
)

// InspectMode is what Inspect shows.
type InspectMode string

const (
	// InspectTable is for people.
	InspectTable InspectMode = "table"
	// InspectNative is JSON of type Inspected.
	InspectNative InspectMode = "native"
	// InspectWIT is the worlds of the components.
	InspectWIT InspectMode = "wit"
	// InspectDockerCompat is what `docker inspect` shows.
	InspectDockerCompat InspectMode = "dockercompat"
)

// InspectOptions are those of Inspect.
type InspectOptions struct {
	// Global are nerdctl's.
	Global types.GlobalCommandOptions
	// Mode is what to show; empty means InspectTable for artifacts, or
	// InspectNative when there is a Format, and InspectDockerCompat for what else
	// there is.
	Mode InspectMode
	// Type is the kind of what has the names: "image" for an artifact,
	// "container", "volume" or "network"; empty for any.
	Type string
	// Size adds the sizes of containers and volumes.
	Size bool
	// Format is a Go template for each entry, or "json".
	Format string
	// Platform chooses a manifest of an index.
	Platform string
	// Stdout is where it is written.
	Stdout io.Writer
}

// Inspected is an artifact as `nerdctl wasm inspect --mode=native` shows it.
type Inspected struct {
	Name       string
	Form       artifact.Form
	Descriptor ocispec.Descriptor
	Manifest   ocispec.Manifest
	Config     dockerspec.DockerOCIImage
	Components []InspectedComponent
}

// InspectedComponent is a Wasm layer, or a file of an image, and what its bytes say of
// themselves.
type InspectedComponent struct {
	Name       string
	Descriptor ocispec.Descriptor
	Kind       wasm.Kind
	WASI       wasm.WASI
	Imports    []string
	Exports    []string
	wit        string // for InspectWIT only
}

// object is what Inspect found by a name.
type object struct {
	// artifact is nil for what is none, and then entry is what nerdctl shows of it.
	artifact *source.Source
	entry    any
}

// Inspect shows artifacts that are in containerd or in OCI image layouts, and
// containers, volumes and networks as nerdctl does: a name stands for the first of
// these that there is. When all are artifacts, the default is InspectTable, and else
// InspectDockerCompat for all of them, in one list.
func Inspect(ctx context.Context, names []string, o InspectOptions) error {
	ctx = namespaces.WithNamespace(ctx, o.Global.Namespace)
	var objects []object
	var errs []error
	for _, name := range names {
		found, err := findObject(ctx, name, o)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if found.artifact != nil {
			defer found.artifact.Close()
		}
		objects = append(objects, found)
	}
	if len(objects) > 0 {
		errs = append(errs, show(ctx, objects, o))
	}
	return errors.Join(errs...)
}

func show(ctx context.Context, objects []object, o InspectOptions) error {
	other := slices.ContainsFunc(objects, func(found object) bool { return found.artifact == nil })
	if o.Mode == "" {
		o.Mode = InspectTable
		if other {
			o.Mode = InspectDockerCompat
		} else if o.Format != "" {
			o.Mode = InspectNative
		}
	}
	switch {
	case o.Mode == InspectNative || o.Mode == InspectDockerCompat:
		return showEntries(ctx, objects, o)
	case o.Mode != InspectTable && o.Mode != InspectWIT:
		return fmt.Errorf("unknown mode %q: there are %s, %s and %s", o.Mode, InspectTable, InspectNative, InspectDockerCompat)
	case o.Format != "":
		return errors.New("--format is for --mode native and dockercompat, and for nothing else")
	}
	var errs []error
	for i, found := range objects {
		inspected, err := inspect(ctx, found.artifact, o)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if i > 0 {
			fmt.Fprintln(o.Stdout)
		}
		write := writeInspected
		if o.Mode == InspectWIT {
			write = writeWIT
		}
		errs = append(errs, write(o.Stdout, inspected))
	}
	return errors.Join(errs...)
}

func showEntries(ctx context.Context, objects []object, o InspectOptions) error {
	var entries []any
	var errs []error
	for _, found := range objects {
		entry, err := found.entry, error(nil)
		switch {
		case found.artifact == nil:
		case o.Mode == InspectNative:
			entry, err = inspect(ctx, found.artifact, o)
		case found.artifact.Layout != nil:
			err = fmt.Errorf("%s: Docker has no layouts to show: use --mode native", found.artifact.Name)
		default:
			entry, err = imageEntry(ctx, found.artifact.Client, found.artifact.Name, o)
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		entries = append(entries, entry)
	}
	if len(entries) > 0 {
		errs = append(errs, formatter.FormatInspectSlice(o.Format, o.Stdout, entries))
	}
	return errors.Join(errs...)
}

func inspect(ctx context.Context, src *source.Source, o InspectOptions) (*Inspected, error) {
	a := src.Artifact
	inspected := &Inspected{Name: src.Name, Form: a.Form, Descriptor: a.Descriptor, Manifest: a.Manifest, Config: a.Config}
	err := src.WithComponents(ctx, o.Global.Snapshotter, func(components []ocispec.Descriptor, store content.Provider) error {
		for _, layer := range components {
			component, err := inspectComponent(ctx, store, layer, o.Mode)
			if err != nil {
				return fmt.Errorf("%s: %w", src.Name, err)
			}
			inspected.Components = append(inspected.Components, component)
		}
		return nil
	})
	return inspected, err
}

func inspectComponent(ctx context.Context, store content.Provider, layer ocispec.Descriptor, mode InspectMode) (InspectedComponent, error) {
	info, err := unpack.Parse(ctx, store, layer)
	if err != nil {
		return InspectedComponent{}, err
	}
	component := InspectedComponent{
		Name: artifact.Name(layer), Descriptor: layer,
		Kind: info.Kind, WASI: info.WASI, Imports: info.Imports, Exports: info.Exports,
	}
	if mode == InspectWIT {
		component.wit, err = readWIT(ctx, store, component)
	}
	return component, err
}
