package action

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/containerd/nerdctl/v2/pkg/api/types"
	"github.com/containerd/nerdctl/v2/pkg/cmd/image"
	"github.com/containerd/nerdctl/v2/pkg/formatter"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

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
	// InspectDockerCompat is what `docker image inspect` shows.
	InspectDockerCompat InspectMode = "dockercompat"
)

// InspectOptions are those of Inspect.
type InspectOptions struct {
	// Global are nerdctl's.
	Global types.GlobalCommandOptions
	// Mode is what to show; empty means InspectTable, or InspectNative when
	// there is a Format.
	Mode InspectMode
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

// InspectedComponent is a Wasm layer and what its file says of itself.
type InspectedComponent struct {
	Name       string
	Descriptor ocispec.Descriptor
	Kind       wasm.Kind
	WASI       wasm.WASI
	Imports    []string
	Exports    []string
	wit        string // for InspectWIT only
}

// Inspect shows artifacts that are in containerd or in OCI image layouts. The
// latter are not shown as Docker would, which has none.
func Inspect(ctx context.Context, references []string, o InspectOptions) error {
	if o.Mode == "" {
		o.Mode = InspectTable
		if o.Format != "" {
			o.Mode = InspectNative
		}
	}
	switch {
	case o.Mode == InspectDockerCompat:
		client, ctx, done, err := connect(ctx, o.Global)
		if err != nil {
			return err
		}
		defer done()
		entries, err := image.Inspect(ctx, client, references, types.ImageInspectOptions{
			GOptions: o.Global, Mode: string(o.Mode), Platform: o.Platform, Stdout: o.Stdout,
		})
		if err != nil && len(entries) == 0 {
			return err
		}
		return errors.Join(err, formatter.FormatSlice(o.Format, o.Stdout, entries))
	case o.Format != "" && (o.Mode == InspectTable || o.Mode == InspectWIT):
		return errors.New("--format is for --mode native and dockercompat, and for nothing else")
	case o.Mode != InspectTable && o.Mode != InspectNative && o.Mode != InspectWIT:
		return fmt.Errorf("unknown mode %q: there are %s, %s and %s", o.Mode, InspectTable, InspectNative, InspectDockerCompat)
	}
	var entries []any
	var errs []error
	for _, reference := range references {
		inspected, err := inspect(ctx, reference, o)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		entries = append(entries, inspected)
	}
	if len(entries) == 0 {
		return errors.Join(errs...)
	}
	if o.Mode == InspectNative {
		errs = append(errs, formatter.FormatSlice(o.Format, o.Stdout, entries))
		return errors.Join(errs...)
	}
	for i, entry := range entries {
		if i > 0 {
			fmt.Fprintln(o.Stdout)
		}
		write := writeInspected
		if o.Mode == InspectWIT {
			write = writeWIT
		}
		errs = append(errs, write(o.Stdout, entry.(*Inspected)))
	}
	return errors.Join(errs...)
}

func inspect(ctx context.Context, reference string, o InspectOptions) (*Inspected, error) {
	ctx, src, err := openSource(ctx, reference, o.Platform, o.Global)
	if err != nil {
		return nil, err
	}
	defer src.done()
	a := src.artifact
	inspected := &Inspected{Name: src.name, Form: a.Form, Descriptor: a.Descriptor, Manifest: a.Manifest, Config: a.Config}
	for _, layer := range a.WasmLayers() {
		info, err := unpack.Parse(ctx, src.content, layer)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", src.name, err)
		}
		component := InspectedComponent{
			Name: artifact.Name(layer), Descriptor: layer,
			Kind: info.Kind, WASI: info.WASI, Imports: info.Imports, Exports: info.Exports,
		}
		if o.Mode == InspectWIT {
			if component.wit, err = readWIT(ctx, src.content, component); err != nil {
				return nil, fmt.Errorf("%s: %w", src.name, err)
			}
		}
		inspected.Components = append(inspected.Components, component)
	}
	return inspected, nil
}
