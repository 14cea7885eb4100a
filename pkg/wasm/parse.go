package wasm

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
)

const (
	headerSize = 8

	// maxDepth is how deep components may be nested in each other.
	maxDepth = 64

	// maxEntities is the most imports and exports of one binary, as many as
	// the JavaScript API allows.
	maxEntities = 100_000

	// maxNameBytes is how many bytes the names of one binary may have in
	// sum, which bounds what Info keeps.
	maxNameBytes = 16 << 20
)

// ParseFile is Parse for the whole of a file.
func ParseFile(path string) (_ *Info, err error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	stat, err := file.Stat()
	if err != nil {
		return nil, err
	}
	return Parse(file, stat.Size())
}

// Parse reads the WebAssembly binary in the first size bytes of r, by the
// binary formats of the core specification and of the component model's
// Binary.md. It returns a *FormatError for a file that is not one or is
// damaged, and when r cannot be read.
func Parse(r io.ReaderAt, size int64) (info *Info, err error) {
	defer recoverFormatError(&err)
	file := newReader(r, size)
	w := walker{imports: make(map[string]struct{}), exports: make(map[string]struct{})}
	kind, exported := w.binary(file, 0, nil)
	info = &Info{
		Kind:      kind,
		Imports:   slices.Sorted(maps.Keys(w.imports)),
		Exports:   slices.Sorted(maps.Keys(w.exports)),
		DebugSize: w.debugSize,
		starts:    w.starts,
	}
	info.WASI = w.wasi(info)
	info.Functions, info.hidden = exported.list()
	return info, nil
}

// walker collects what is found on the way. Only the outermost binary's
// imports and exports count.
type walker struct {
	imports, exports map[string]struct{}
	implemented      []string // a WASI 0.3 interface that a plainly named import or export is of
	entities         int
	defined          int // instances and nested components
	nameBytes        int
	debugSize        int64
	starts           bool
}

// binary reads one module or component, to the end of r, and returns what it
// exports.
func (w *walker) binary(r *reader, depth int, parent *scope) (Kind, *shape) {
	if kind := header(r, depth); kind == KindModule {
		return kind, w.module(r, depth)
	}
	return KindComponent, w.component(r, depth, parent)
}

// header reads what a module or component begins with.
func header(r *reader, depth int) Kind {
	if depth > maxDepth {
		r.fail(fmt.Sprintf("components are nested deeper than %d", maxDepth))
	}
	if begin := r.peek(headerSize * 4); !IsWasm(begin) {
		e := notWasm(begin)
		e.Offset += r.offset
		panic(e)
	}
	begin := r.bytes(headerSize)
	version, layer := binary.LittleEndian.Uint16(begin[4:]), binary.LittleEndian.Uint16(begin[6:])
	switch {
	case version == 1 && layer == 0:
		return KindModule
	case version == 0x0d && layer == 1:
		return KindComponent
	case layer == 1:
		r.fail(fmt.Sprintf("component model binary version 0x%x is not the released 0xd: make the component anew with current tools", version))
	default:
		r.fail(fmt.Sprintf("WebAssembly version %d, layer %d is not known", version, layer))
	}
	return ""
}

// sectionNames are how errors call sections, by their ids.
func sectionNames(names ...string) []string {
	for i, name := range names {
		names[i] = "the " + name + " section"
	}
	return names
}

// section reads a section's header and returns its id and content.
func (w *walker) section(r *reader, names []string) (byte, reader) {
	start := r.offset
	id := r.byte()
	if int(id) >= len(names) {
		r.offset = start
		r.fail(fmt.Sprintf("there is no section %d", id))
	}
	size := int64(r.uint())
	return id, r.within(size, names[id])
}

// custom reads a custom section, which may hold anything after its name.
func (w *walker) custom(r *reader) {
	size := r.end - r.offset
	name := r.name()
	switch name {
	case "name", "component-name", "sourceMappingURL", "external_debug_info":
		w.debugSize += size
	default:
		if strings.HasPrefix(name, ".debug_") {
			w.debugSize += size
		}
	}
}

// add notes an import or export.
func (w *walker) add(r *reader, to map[string]struct{}, name string, depth int) {
	w.count(r, name)
	if depth == 0 {
		to[name] = struct{}{}
	}
}

// count bounds how many names there are, and how long they are.
func (w *walker) count(r *reader, name string) {
	if w.entities++; w.entities > maxEntities {
		r.fail(fmt.Sprintf("more than %d imports and exports", maxEntities))
	}
	if w.nameBytes += len(name); w.nameBytes > maxNameBytes {
		r.fail(fmt.Sprintf("the names of imports and exports have more than %d bytes", maxNameBytes))
	}
}
