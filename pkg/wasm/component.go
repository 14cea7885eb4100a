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

// component reads the sections of a component, nested binaries included, and
// returns what it exports.
func (w *walker) component(r *reader, depth int, parent *scope) *shape {
	in, exported := &scope{parent: parent}, &shape{}
	for r.more() {
		id, section := w.section(r, componentSections)
		switch id {
		case componentCustom:
			w.custom(&section)
		case componentCoreModule:
			if kind, _ := w.binary(&section, depth+1, in); kind != KindModule {
				section.fail("the core module section holds a component")
			}
		case componentComponent:
			kind, nested := w.binary(&section, depth+1, in)
			if kind != KindComponent {
				section.fail("the component section holds a core module")
			}
			w.define(in, sortComponent, nested)
		case componentInstance:
			w.instances(&section, in)
		case componentAlias:
			w.aliases(&section, in)
		case componentImport:
			w.componentImports(&section, depth, in)
		case componentExport:
			w.componentExports(&section, depth, in, exported)
		}
	}
	exported.hidden = exported.hidden || in.lost
	return exported
}

func (w *walker) componentImports(r *reader, depth int, in *scope) {
	for range countOf(r, r.end) {
		w.add(r, w.imports, w.externName(r, depth), depth)
		w.define(in, r.externDesc(), unknown)
	}
	r.done()
}

func (w *walker) componentExports(r *reader, depth int, in *scope, exported *shape) {
	for range countOf(r, r.end) {
		name := w.externName(r, depth)
		w.add(r, w.exports, name, depth)
		sort := r.sort()
		of := in.lookUp(sort, r.uint())
		if r.optional() {
			r.externDesc()
		}
		exported.export(name, sort, of)
		w.define(in, sort, of)
	}
	r.done()
}

// Sorts of what a component defines; externDesc has the same numbers.
const (
	sortCore = iota
	sortFunction
	sortValue
	sortType
	sortComponent
	sortInstance
)

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

// sort reads a sort; that of a core item is followed by which.
func (r *reader) sort() byte {
	sort := r.byte()
	switch {
	case sort == sortCore:
		r.byte()
	case sort > sortInstance:
		r.fail(fmt.Sprintf("%s has an item of the unknown sort %d", r.what, sort))
	}
	return sort
}

// externDesc reads the type of an import or export, and returns its sort.
func (r *reader) externDesc() byte {
	kind := r.byte()
	switch kind {
	case sortCore: // a module
		if core := r.byte(); core != 0x11 {
			r.fail(fmt.Sprintf("an import is of the unknown core kind 0x%x", core))
		}
		r.uint()
	case sortFunction, sortComponent, sortInstance:
		r.uint()
	case sortValue: // equal to an index, or of a type
		if r.byte() == 0 {
			r.uint()
			return kind
		}
		r.long()
	case sortType: // equal to an index, or a new resource
		if r.byte() == 0 {
			r.uint()
		}
	default:
		r.fail(fmt.Sprintf("an import is of the unknown kind %d", kind))
	}
	return kind
}
