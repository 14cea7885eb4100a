package artifact

import (
	"slices"
	"strings"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Entry is what a process starts: a layer, and an export of it when one was
// asked for.
type Entry struct {
	// Layer is the Wasm layer's descriptor.
	Layer ocispec.Descriptor
	// Func is the export to call instead of the component's own start, empty
	// for that.
	Func string
}

// Select chooses among an artifact's Wasm layers by a process's first
// argument, as Named does. A single layer is chosen by any argument. It
// returns a NoMatchError when there are several and none matches.
func Select(layers []ocispec.Descriptor, arg0 string) (Entry, error) {
	entry, err := Named(layers, arg0)
	if err != nil && len(layers) == 1 {
		_, function, _ := strings.Cut(arg0, "#")
		return Entry{Layer: layers[0], Func: function}, nil
	}
	return entry, err
}

// Named returns what a process's first argument, or whoever asks for a component,
// names: the layer whose digest it is, or whose name by the rule of Match. It returns a
// NoMatchError when it names none.
func Named(layers []ocispec.Descriptor, arg0 string) (Entry, error) {
	names := Names(layers)
	i, function := Match(names, arg0)
	if d := slices.IndexFunc(layers, func(l ocispec.Descriptor) bool { return component(arg0) == l.Digest.String() }); d >= 0 {
		i = d
	}
	if i < 0 {
		return Entry{}, &NoMatchError{Arg: arg0, Names: names}
	}
	return Entry{Layer: layers[i], Func: function}, nil
}

// Match returns the index of the component that a process's first argument names, -1 for
// none: by its name, or else by its name without ".wasm", a leading "/" ignored.
// "name#func" also names an export, which is returned.
func Match(names []string, arg0 string) (index int, function string) {
	_, function, _ = strings.Cut(arg0, "#")
	for _, suffix := range []string{"", ".wasm"} {
		index = slices.IndexFunc(names, func(name string) bool {
			return component(arg0) == strings.TrimSuffix(strings.TrimPrefix(name, "/"), suffix)
		})
		if index >= 0 {
			break
		}
	}
	return index, function
}

// component is the part of a process's first argument that names a component.
func component(arg0 string) string {
	name, _, _ := strings.Cut(strings.TrimPrefix(arg0, "/"), "#")
	return name
}

// Name is how a person calls a layer: its title, else its digest.
func Name(l ocispec.Descriptor) string {
	if title := l.Annotations[ocispec.AnnotationTitle]; title != "" {
		return title
	}
	return l.Digest.String()
}

// Names are the names of layers, in order.
func Names(layers []ocispec.Descriptor) []string {
	names := make([]string, 0, len(layers))
	for _, l := range layers {
		names = append(names, Name(l))
	}
	return names
}
