package wasm

import "fmt"

// Section ids of components, by the component model's Binary.md.
const (
	componentCustom = iota
	componentCoreModule
	componentCoreInstance
	componentCoreType
	componentComponent
	componentInstance
	componentAlias
	componentType
	componentCanon
	componentStart
	componentImport
	componentExport
	componentValue
)

var componentSections = sectionNames("custom", "core module", "core instance", "core type", "component", "instance", "alias", "type", "canon", "start", "import", "export", "value")

// component reads the sections of a component, nested binaries included.
func (w *walker) component(r *reader, depth int) {
	for r.more() {
		id, section := w.section(r, componentSections)
		switch id {
		case componentCustom:
			w.custom(&section)
		case componentCoreModule:
			if kind := w.binary(&section, depth+1); kind != KindModule {
				section.fail("the core module section holds a component")
			}
		case componentComponent:
			if kind := w.binary(&section, depth+1); kind != KindComponent {
				section.fail("the component section holds a core module")
			}
		case componentImport:
			w.componentImports(&section, depth)
		case componentExport:
			w.componentExports(&section, depth)
		}
	}
}

func (w *walker) componentImports(r *reader, depth int) {
	for range countOf(r, r.end) {
		w.add(r, w.imports, w.externName(r, depth), depth)
		r.externDesc()
	}
	r.done()
}

func (w *walker) componentExports(r *reader, depth int) {
	for range countOf(r, r.end) {
		w.add(r, w.exports, w.externName(r, depth), depth)
		r.sort()
		r.uint()
		if r.optional() {
			r.externDesc()
		}
	}
	r.done()
}

// Options of a name of the form 0x02.
const (
	optionImplements    = iota // the interface that a plainly named instance is of
	optionVersionSuffix        // what is cut from the version to make it canonical
	optionExternalID           // a name for tools
)

// externName reads an import's or export's name: plain (0x00, and 0x01 of
// older tools), or with options (0x02). A version that is in two parts is put
// together again.
func (w *walker) externName(r *reader, depth int) string {
	form := r.byte()
	if form > 0x02 {
		r.fail(fmt.Sprintf("an import's or export's name has the unknown form %d", form))
	}
	name := r.name()
	if form < 0x02 {
		return name
	}
	for range countOf(r, r.end) {
		switch option := r.byte(); option {
		case optionImplements:
			if of := r.name(); depth == 0 && isWASI3(of) {
				w.implemented = []string{of}
			}
		case optionVersionSuffix:
			if name += r.name(); len(name) > maxName {
				r.fail(fmt.Sprintf("a name in %s has %d bytes, the limit is %d", r.what, len(name), maxName))
			}
		case optionExternalID:
			r.name()
		default:
			r.fail(fmt.Sprintf("name %q has the unknown option %d", name, option))
		}
	}
	return name
}

// optional reads whether something follows.
func (r *reader) optional() bool {
	switch b := r.byte(); b {
	case 0:
		return false
	case 1:
		return true
	default:
		r.fail(fmt.Sprintf("0x%x where 0 or 1 is due", b))
		return false
	}
}

// sort reads over the sort of an exported item.
func (r *reader) sort() {
	switch kind := r.byte(); {
	case kind == 0x00: // a core sort follows
		r.byte()
	case kind > 0x05:
		r.fail(fmt.Sprintf("an export is of the unknown sort %d", kind))
	}
}

// externDesc reads over the type of an import or export.
func (r *reader) externDesc() {
	switch kind := r.byte(); kind {
	case 0x00: // core module
		if core := r.byte(); core != 0x11 {
			r.fail(fmt.Sprintf("an import is of the unknown core kind 0x%x", core))
		}
		r.uint()
	case 0x01, 0x04, 0x05: // function, component, instance
		r.uint()
	case 0x02: // value: equal to an index, or of a type
		if r.byte() == 0 {
			r.uint()
			return
		}
		r.long()
	case 0x03: // type: equal to an index, or a new resource
		if r.byte() == 0 {
			r.uint()
		}
	default:
		r.fail(fmt.Sprintf("an import is of the unknown kind %d", kind))
	}
}
