package wasm

import "fmt"

// Section ids of core modules, by the core specification.
const (
	moduleCustom = iota
	moduleType
	moduleImport
	moduleFunction
	moduleTable
	moduleMemory
	moduleGlobal
	moduleExport
	moduleStart
	moduleElement
	moduleCode
	moduleData
	moduleDataCount
	moduleTag
)

var moduleSections = sectionNames("custom", "type", "import", "function", "table", "memory", "global", "export", "start", "element", "code", "data", "data count", "tag")

// moduleOrder is the order in which sections come, which is not that of the
// ids: data count was added before code, tag before global.
var moduleOrder = [...]int{
	moduleType: 1, moduleImport: 2, moduleFunction: 3, moduleTable: 4, moduleMemory: 5, moduleTag: 6, moduleGlobal: 7,
	moduleExport: 8, moduleStart: 9, moduleElement: 10, moduleDataCount: 11, moduleCode: 12, moduleData: 13,
}

// module reads the sections of a core module, and returns what it exports.
func (w *walker) module(r *reader, depth int) *shape {
	exported := &shape{}
	last := 0
	var functions, bodies uint32
	for r.more() {
		start := r.offset
		id, section := w.section(r, moduleSections)
		if id == moduleCustom {
			w.custom(&section)
			continue
		}
		if moduleOrder[id] <= last {
			r.offset = start
			r.fail(fmt.Sprintf("%s is in the wrong place or comes twice", section.what))
		}
		last = moduleOrder[id]
		switch id {
		case moduleImport:
			w.moduleImports(&section, depth)
		case moduleExport:
			w.moduleExports(&section, depth, exported)
		case moduleStart:
			w.starts = w.starts || depth == 0
		case moduleFunction:
			functions = countOf(&section, section.end)
			for range functions {
				section.uint()
			}
			section.done()
		case moduleCode:
			bodies = countOf(&section, section.end)
			for range bodies {
				section.skip(int64(section.uint()), "a function body")
			}
			section.done()
		}
	}
	if functions != bodies {
		r.fail(fmt.Sprintf("%d functions are declared and %d have a body (truncated?)", functions, bodies))
	}
	return exported
}

// countOf reads the length of a list whose items have at least one byte.
func countOf(r *reader, end int64) uint32 {
	n := r.uint()
	if int64(n) > end-r.offset {
		r.fail(fmt.Sprintf("%s cannot hold %d items", r.what, n))
	}
	return n
}

// External kinds of core modules.
const (
	externFunc = iota
	externTable
	externMemory
	externGlobal
	externTag
)

// Imports of one module may be grouped (the compact import section proposal):
// an empty name, one of these, and a list.
const (
	compactEachTyped = 0x7f // of names and types
	compactOneType   = 0x7e // of names, after the one type they have
)

func (w *walker) moduleImports(r *reader, depth int) {
	for range countOf(r, r.end) {
		module := r.name()
		field := r.name()
		w.add(r, w.imports, module, depth)
		kind := r.byte()
		switch {
		case field == "" && kind == compactEachTyped:
			for range countOf(r, r.end) {
				r.name()
				r.externType(module, r.byte())
			}
		case field == "" && kind == compactOneType:
			r.externType(module, r.byte())
			for range countOf(r, r.end) {
				r.name()
			}
		default:
			r.externType(module, kind)
		}
	}
	r.done()
}

// externType reads over the type of something imported from module.
func (r *reader) externType(module string, kind byte) {
	switch kind {
	case externFunc:
		r.uint()
	case externTable:
		r.valueType()
		r.limits()
	case externMemory:
		r.limits()
	case externGlobal:
		r.valueType()
		r.byte()
	case externTag:
		r.byte()
		r.uint()
	default:
		r.fail(fmt.Sprintf("an import from %q is of the unknown kind %d", module, kind))
	}
}

func (w *walker) moduleExports(r *reader, depth int, exported *shape) {
	for range countOf(r, r.end) {
		name := r.name()
		w.add(r, w.exports, name, depth)
		kind := r.byte()
		if kind > externTag {
			r.fail(fmt.Sprintf("export %q is of the unknown kind %d", name, kind))
		}
		if kind == externFunc && depth == 0 {
			exported.functions = append(exported.functions, name)
		}
		r.uint()
	}
	r.done()
}

// limits reads over the limits of a table or memory, with the flags of the
// threads, memory64 and custom page size proposals.
func (r *reader) limits() {
	flags := r.byte()
	if flags > 0x0f {
		r.fail(fmt.Sprintf("limits with unknown flags 0x%x", flags))
	}
	r.long()
	if flags&0x01 != 0 {
		r.long()
	}
	if flags&0x08 != 0 {
		r.uint()
	}
}

// valueType reads over a value or reference type: one byte, or 0x63 or 0x64
// and a heap type.
func (r *reader) valueType() {
	if b := r.byte(); b == 0x63 || b == 0x64 {
		r.long()
	}
}
