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
// names: the layer whose name, name without ".wasm", or digest it is, a leading "/"
// ignored; "name#func" also names an export. It returns a NoMatchError when it names
// none.
func Named(layers []ocispec.Descriptor, arg0 string) (Entry, error) {
	name, function, _ := strings.Cut(strings.TrimPrefix(arg0, "/"), "#")
	titled := func(l ocispec.Descriptor) string { return strings.TrimPrefix(Name(l), "/") }
	for _, matches := range []func(ocispec.Descriptor) bool{
		func(l ocispec.Descriptor) bool { return name == titled(l) || name == l.Digest.String() },
		func(l ocispec.Descriptor) bool { return name == strings.TrimSuffix(titled(l), ".wasm") },
	} {
		if i := slices.IndexFunc(layers, matches); i >= 0 {
			return Entry{Layer: layers[i], Func: function}, nil
		}
	}
	return Entry{}, &NoMatchError{Arg: arg0, Names: Names(layers)}
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
