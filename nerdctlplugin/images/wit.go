package images

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/containerd/containerd/v2/core/content"

	"github.com/wasmfile/wasmfile/nerdctlplugin/source"
	"github.com/wasmfile/wasmfile/pkg/printable"
	"github.com/wasmfile/wasmfile/pkg/wasm"
)

// readWIT is the world of a component in WIT, empty for a core module, which
// has none.
func readWIT(ctx context.Context, store content.Provider, c InspectedComponent) (string, error) {
	if c.Kind != wasm.KindComponent {
		return "", nil
	}
	reader, err := store.ReaderAt(ctx, c.Descriptor)
	if err != nil {
		return "", fmt.Errorf("open component %s: %w", c.Name, err)
	}
	defer reader.Close()
	text, err := wasm.WIT(reader, reader.Size(), worldName(c.Name))
	if err != nil {
		return "", fmt.Errorf("the interfaces of component %s: %w", c.Name, err)
	}
	return text, nil
}

// writeWIT writes the world of each component, one after the other.
func writeWIT(out io.Writer, i *Inspected) error {
	for n, c := range i.Components {
		if n > 0 {
			fmt.Fprintln(out)
		}
		text := c.wit
		if text == "" {
			text = "// a core module: it has no world\n"
		}
		if _, err := fmt.Fprintf(out, "// %s, %s\n%s", printable.Line(c.Name), c.Descriptor.Digest, text); err != nil {
			return err
		}
	}
	return nil
}

// worldName is the name of a component as WIT allows it.
func worldName(component string) string {
	name := source.NameOfFile(strings.TrimSuffix(component, ".wasm") + ".wasm")
	if name[0] >= '0' && name[0] <= '9' {
		return "component-" + name
	}
	return name
}
