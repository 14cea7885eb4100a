package action

import (
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/wasmfile/wasmfile/pkg/wasm"
)

// writeWIT writes each component as a world in WIT: the interfaces that it
// imports and exports, by name. What is not an interface, such as a function,
// has a type that only the binary says, and is a comment.
func writeWIT(out io.Writer, i *Inspected) error {
	for n, c := range i.Components {
		if n > 0 {
			fmt.Fprintln(out)
		}
		fmt.Fprintf(out, "// %s, %s\n", printable(c.Name), c.Descriptor.Digest)
		if c.Kind != wasm.KindComponent {
			fmt.Fprintln(out, "// a core module: it has no world")
			continue
		}
		fmt.Fprintf(out, "world %s {\n", worldName(c.Name))
		for _, list := range []struct {
			verb  string
			names []string
		}{{"import", c.Imports}, {"export", c.Exports}} {
			for _, name := range list.names {
				if isInterface(name) {
					fmt.Fprintf(out, "  %s %s;\n", list.verb, name)
				} else {
					fmt.Fprintf(out, "  // %s %s\n", list.verb, printable(name))
				}
			}
		}
		if _, err := fmt.Fprintln(out, "}"); err != nil {
			return err
		}
	}
	return nil
}

// interfaceName is "namespace:package/interface", with a version or without.
var interfaceName = regexp.MustCompile(`^[a-z][a-z0-9-]*(:[a-z][a-z0-9-]*)+(/[a-z][a-z0-9-]*)+(@[0-9][0-9A-Za-z.+-]*)?$`)

func isInterface(name string) bool { return interfaceName.MatchString(name) }

// worldName is the name of a component as WIT allows it.
func worldName(component string) string {
	name := localName(strings.TrimSuffix(component, ".wasm") + ".wasm")
	if name[0] >= '0' && name[0] <= '9' {
		return "component-" + name
	}
	return name
}
