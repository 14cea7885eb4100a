package wasm

import "io"

// TypeImports returns the names of those imports of the component in the first
// size bytes of r that are instances of types alone, as an interface that others
// take their types from is. There is nothing in them for a host to provide. A
// core module has none. It returns a *FormatError as Parse does, and for types of
// a form that it does not know.
func TypeImports(r io.ReaderAt, size int64) (names []string, err error) {
	defer recoverFormatError(&err)
	file := newReader(r, size)
	if header(file, 0) != KindComponent {
		return nil, nil
	}
	d := typeReader{primitives: make(map[typeKind]*typ)}
	for _, i := range d.component(file, 0, nil).imports {
		if i.sort == sortInstance && i.instance.hasOnlyTypes() {
			names = append(names, i.name)
		}
	}
	return names, nil
}

// hasOnlyTypes reports whether an instance has neither something to call nor a
// resource of its own.
func (i *instance) hasOnlyTypes() bool {
	for _, item := range i.items {
		if item.sort != sortType || item.typ.kind == typeResource {
			return false
		}
	}
	return true
}
