package wasm

import "fmt"

// component reads the sections of a component that have to do with types.
func (d *typeReader) component(r *reader, depth int, parent *space) *definition {
	in, read := &space{parent: parent}, &definition{}
	for r.more() {
		id, section := d.section(r, componentSections)
		r := &section
		switch id {
		case componentComponent:
			if header(r, depth+1) != KindComponent {
				r.fail("the component section holds a core module")
			}
			d.spend(r, 1)
			in.components = append(in.components, d.component(r, depth+1, in))
			continue
		case componentType:
			for range countOf(r, r.end) {
				d.spend(r, 1)
				in.types = append(in.types, d.defined(r, in, depth))
			}
		case componentImport:
			for range countOf(r, r.end) {
				read.imports = append(read.imports, d.extern(r, in))
			}
		case componentExport:
			for range countOf(r, r.end) {
				read.exports = append(read.exports, d.export(r, in))
			}
		case componentAlias:
			for range countOf(r, r.end) {
				d.alias(r, in)
			}
		case componentInstance:
			for range countOf(r, r.end) {
				in.instances = append(in.instances, d.instance(r, in))
			}
		case componentCanon:
			if !d.canonical(r, in) {
				continue
			}
		default:
			continue
		}
		r.done()
	}
	return read
}

// export reads an export of a component, which is another index for what it
// exports.
func (d *typeReader) export(r *reader, in *space) item {
	name := d.externName(r, maxDepth)
	d.count(r, name)
	sort := r.sort()
	exported := in.item(r, name, sort, r.uint())
	if r.optional() {
		described := d.externItem(r, in, name)
		if described.sort != sort {
			r.fail(fmt.Sprintf("export %q is said to be of two sorts", name))
		}
		if sort != sortType { // whose description says less
			exported = described
		}
	}
	switch sort {
	case sortType:
		exported.typ = d.made(r, &typ{kind: typeNamed, of: []*typ{exported.typ}})
	case sortInstance:
		exported.instance = d.madeInstance(r, &instance{name: name, items: exported.instance.items})
	}
	d.spend(r, 1)
	in.add(exported)
	return exported
}

// instance reads the definition of an instance.
func (d *typeReader) instance(r *reader, in *space) *instance {
	switch form := r.byte(); form {
	case 0x00: // of a component, with arguments
		of := at(r, in.components, r.uint(), "component")
		arguments := make(map[string]*typ)
		for range countOf(r, r.end) {
			name, sort := r.name(), r.sort()
			if argument := in.item(r, name, sort, r.uint()); sort == sortType {
				d.spend(r, 1)
				arguments[name] = argument.typ
			}
		}
		return d.instantiate(r, of, arguments)
	case 0x01: // of what is at hand
		made := &instance{}
		for range countOf(r, r.end) {
			name := d.externName(r, maxDepth)
			d.count(r, name)
			sort := r.sort()
			made.items = append(made.items, in.item(r, name, sort, r.uint()))
		}
		return d.madeInstance(r, made)
	default:
		r.fail(fmt.Sprintf("an instance of the unknown form %d", form))
		return nil
	}
}

// instantiate is the instance of a component with some types for those that it
// imports.
func (d *typeReader) instantiate(r *reader, of *definition, arguments map[string]*typ) *instance {
	s := substitution{reader: d, at: r, types: make(map[*typ]*typ), instances: make(map[*instance]*instance)}
	for _, i := range of.imports {
		argument := arguments[i.name]
		if i.sort != sortType || argument == nil {
			continue
		}
		given := &typ{kind: typeNamed, of: []*typ{argument}, argument: argument}
		if i.typ.kind == typeNamed {
			given.of = i.typ.of
		}
		s.types[i.typ] = d.made(r, given)
	}
	if len(s.types) == 0 {
		return d.madeInstance(r, &instance{items: of.exports})
	}
	return d.madeInstance(r, &instance{items: s.items(of.exports)})
}

// substitution puts types in the place of others.
type substitution struct {
	reader    *typeReader
	at        *reader
	types     map[*typ]*typ
	instances map[*instance]*instance
}

func (s *substitution) items(items []item) []item {
	s.reader.spend(s.at, len(items))
	replaced := make([]item, len(items))
	for n, i := range items {
		i.typ = s.typ(i.typ)
		if i.instance != nil {
			i.instance = s.instance(i.instance)
		}
		replaced[n] = i
	}
	return replaced
}

func (s *substitution) instance(i *instance) *instance {
	if s.instances[i] == nil {
		s.instances[i] = s.reader.madeInstance(s.at, &instance{name: i.name, items: s.items(i.items)})
	}
	return s.instances[i]
}

func (s *substitution) typ(t *typ) *typ {
	if t == nil || len(t.of) == 0 && s.types[t] == nil {
		return t
	}
	if s.types[t] != nil {
		return s.types[t]
	}
	s.reader.spend(s.at, 1+len(t.of))
	replaced := *t
	replaced.of = make([]*typ, len(t.of))
	changed := false
	for n, part := range t.of {
		replaced.of[n] = s.typ(part)
		changed = changed || replaced.of[n] != part
	}
	s.types[t] = t
	if changed {
		s.types[t] = s.reader.made(s.at, &replaced)
	}
	return s.types[t]
}

// canonOperands are what follows the number of a canonical definition: u an
// index, b a byte, o options, r a result. All but lift define core functions.
var canonOperands = map[byte]string{
	0x00: "buou", 0x01: "buo", 0x02: "u", 0x03: "u", 0x04: "u", 0x05: "", 0x06: "b", 0x07: "u", 0x08: "", 0x09: "ro",
	0x0a: "bu", 0x0b: "bu", 0x0c: "b", 0x0d: "", 0x0e: "u", 0x0f: "uo", 0x10: "uo", 0x11: "ub", 0x12: "ub", 0x13: "u", 0x14: "u",
	0x15: "u", 0x16: "uo", 0x17: "uo", 0x18: "ub", 0x19: "ub", 0x1a: "u", 0x1b: "u", 0x1c: "o", 0x1d: "o", 0x1e: "",
	0x1f: "", 0x20: "bu", 0x21: "bu", 0x22: "", 0x23: "", 0x24: "", 0x25: "", 0x26: "", 0x27: "uu", 0x2e: "u", 0x2f: "u",
}

const canonLift = 0x00

// canonOptionIndex is whether the option of this number has an index.
var canonOptionIndex = []bool{false, false, false, true, true, true, false, true, true, false}

// canonical reads canonical definitions. It reports false when one is of an
// unknown form, after which nothing is known of the functions.
func (d *typeReader) canonical(r *reader, in *space) bool {
	for range countOf(r, r.end) {
		form := r.byte()
		operands, known := canonOperands[form]
		if !known {
			in.lost = true
			return false
		}
		var last uint32
		for _, operand := range operands {
			switch operand {
			case 'u':
				last = r.uint()
			case 'b':
				r.byte()
			case 'r':
				d.result(r, in)
			case 'o':
				for range countOf(r, r.end) {
					option := r.byte()
					if int(option) >= len(canonOptionIndex) {
						in.lost = true
						return false
					}
					if canonOptionIndex[option] {
						r.uint()
					}
				}
			}
		}
		if form == canonLift {
			d.spend(r, 1)
			in.functions = append(in.functions, at(r, in.types, last, "type"))
		}
	}
	return true
}
