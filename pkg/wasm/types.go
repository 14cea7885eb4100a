package wasm

import "fmt"

const (
	// maxTypes is the most types, instances and parts of them that are kept
	// when a component's types are read.
	maxTypes = 200_000

	// maxTypeDepth is how deep types and instances may be made of each other.
	maxTypeDepth = 1000
)

// typeKind tells types apart: the binary format's own numbers, and some for
// what it has no number for.
type typeKind byte

const (
	typeNamed typeKind = iota + 1 // an import or export: a name for another type
	typeAlias                     // a type that an instance exports

	typeResource     typeKind = 0x3f
	typeFunc         typeKind = 0x40
	typeComponent    typeKind = 0x41
	typeInstance     typeKind = 0x42
	typeAsyncFunc    typeKind = 0x43
	typeMap          typeKind = 0x63
	typeErrorContext typeKind = 0x64
	typeFuture       typeKind = 0x65
	typeStream       typeKind = 0x66
	typeFixedList    typeKind = 0x67
	typeBorrow       typeKind = 0x68
	typeOwn          typeKind = 0x69
	typeResult       typeKind = 0x6a
	typeOption       typeKind = 0x6b
	typeEnum         typeKind = 0x6d
	typeFlags        typeKind = 0x6e
	typeTuple        typeKind = 0x6f
	typeList         typeKind = 0x70
	typeVariant      typeKind = 0x71
	typeRecord       typeKind = 0x72
	typeString       typeKind = 0x73
	typeBool         typeKind = 0x7f
)

// primitives are types that are one byte, and their names in WIT.
var primitives = map[typeKind]string{
	typeErrorContext: "error-context", typeString: "string", 0x74: "char", 0x75: "f64", 0x76: "f32", 0x77: "u64", 0x78: "s64",
	0x79: "u32", 0x7a: "s32", 0x7b: "u16", 0x7c: "s16", 0x7d: "u8", 0x7e: "s8", typeBool: "bool",
}

// typ is a type of a component. Two are the same type only if they are the
// same typ, as it is for resources.
type typ struct {
	kind typeKind
	// labels are the names of fields, cases, flags or parameters; of an alias
	// the one name that the type has in the instance.
	labels []string
	// of are the types that it is made of: of the fields, cases, parameters and
	// then the result. Where there is none it is nil.
	of []*typ
	// argument is what an instantiation gives for an imported type.
	argument *typ
	// from is the instance of an alias.
	from *instance
	// items are those of an instance type and the exports of a component type.
	items   []item
	imports []item
	// length is that of a list of fixed length.
	length uint32
	depth  int
}

// instance is a component instance: what it exports.
type instance struct {
	// name is what it is imported or exported as, "" for one inside.
	name  string
	items []item
	depth int
	// index finds the items, once somebody has looked for one.
	index map[itemKey]int
}

type itemKey struct {
	name string
	sort byte
}

// definition is a component, or its type: what it imports and exports.
type definition struct{ imports, exports []item }

// item is an import or export. The field of its sort is set; typ of a function
// is nil when it is not known.
type item struct {
	name      string
	sort      byte
	typ       *typ
	instance  *instance
	component *definition
}

// space are the index spaces of a component, or of the type of a component or
// instance.
type space struct {
	parent     *space
	types      []*typ
	functions  []*typ
	instances  []*instance
	components []*definition
	// lost says that a definition of an unknown form came, after which the
	// indices of functions are not known.
	lost bool
}

// typeReader reads what components say of types.
type typeReader struct {
	walker
	primitives map[typeKind]*typ
	types      int
}

// spend bounds how much is kept.
func (d *typeReader) spend(r *reader, n int) {
	if d.types += n; d.types > maxTypes {
		r.fail(fmt.Sprintf("more than %d types", maxTypes))
	}
}

// made notes a new type.
func (d *typeReader) made(r *reader, t *typ) *typ {
	d.spend(r, 1+len(t.of)+len(t.items)+len(t.imports))
	for _, part := range append(t.of, t.argument) {
		if part != nil {
			t.depth = max(t.depth, part.depth+1)
		}
	}
	if t.depth > maxTypeDepth {
		r.fail(fmt.Sprintf("types are nested deeper than %d", maxTypeDepth))
	}
	return t
}

// madeInstance notes a new instance.
func (d *typeReader) madeInstance(r *reader, i *instance) *instance {
	d.spend(r, 1+len(i.items))
	for _, item := range i.items {
		if item.instance != nil {
			i.depth = max(i.depth, item.instance.depth+1)
		}
	}
	if i.depth > maxTypeDepth {
		r.fail(fmt.Sprintf("instances are nested deeper than %d", maxTypeDepth))
	}
	return i
}

// at is an item of an index space.
func at[T any](r *reader, space []T, index uint32, what string) T {
	if int64(index) >= int64(len(space)) {
		r.fail(fmt.Sprintf("%s speaks of %s %d, and there are %d", r.what, what, index, len(space)))
	}
	return space[index]
}

func (s *space) typeAt(r *reader) *typ { return at(r, s.types, r.uint(), "type") }

// typeOf is the type with the next index, which has to be of a kind.
func (s *space) typeOf(r *reader, what string, kinds ...typeKind) *typ {
	index := r.uint()
	t := at(r, s.types, index, "type")
	for _, kind := range kinds {
		if t.kind == kind {
			return t
		}
	}
	r.fail(fmt.Sprintf("type %d is not that of %s", index, what))
	return nil
}

// defined reads a definition of a type.
func (d *typeReader) defined(r *reader, in *space, depth int) *typ {
	kind := typeKind(r.byte())
	t := &typ{kind: kind}
	value := func() *typ { return d.value(r, in) }
	optional := func() *typ {
		if r.optional() {
			return value()
		}
		return nil
	}
	switch kind {
	case typeResource:
		r.byte() // its representation
		if r.optional() {
			r.uint() // its destructor
		}
	case typeFunc, typeAsyncFunc:
		d.labelled(r, t, value)
		t.of = append(t.of, d.result(r, in))
	case typeRecord:
		d.labelled(r, t, value)
	case typeVariant:
		d.labelled(r, t, func() *typ {
			of := optional()
			if r.optional() {
				r.fail("a case that refines another is of an older format")
			}
			return of
		})
	case typeEnum, typeFlags:
		for range countOf(r, r.end) {
			t.labels = append(t.labels, d.label(r))
		}
	case typeTuple:
		for range countOf(r, r.end) {
			d.spend(r, 1)
			t.of = append(t.of, value())
		}
	case typeList, typeOption:
		t.of = []*typ{value()}
	case typeFixedList:
		t.of = []*typ{value()}
		t.length = r.uint()
	case typeMap:
		t.of = []*typ{value(), value()}
	case typeResult:
		t.of = []*typ{optional(), optional()}
	case typeStream, typeFuture:
		t.of = []*typ{optional()}
	case typeOwn, typeBorrow:
		t.of = []*typ{in.typeAt(r)}
	case typeInstance, typeComponent:
		inner := d.declarations(r, in, kind, depth+1)
		t.items, t.imports = inner.exports, inner.imports
	default:
		if _, ok := primitives[kind]; !ok {
			r.fail(fmt.Sprintf("a type of the unknown kind 0x%x", byte(kind)))
		}
		return d.primitive(kind)
	}
	return d.made(r, t)
}

func (d *typeReader) primitive(kind typeKind) *typ {
	if d.primitives[kind] == nil {
		d.primitives[kind] = &typ{kind: kind}
	}
	return d.primitives[kind]
}

// labelled reads a list of labels with a type each.
func (d *typeReader) labelled(r *reader, t *typ, of func() *typ) {
	for range countOf(r, r.end) {
		t.labels = append(t.labels, d.label(r))
		t.of = append(t.of, of())
	}
}

func (d *typeReader) label(r *reader) string {
	name := r.name()
	d.count(r, name)
	return name
}

// value reads the type of a value: a primitive one, or an index.
func (d *typeReader) value(r *reader, in *space) *typ {
	r.need(1)
	if kind := typeKind(r.peek(1)[0]); primitives[kind] != "" {
		r.byte()
		return d.primitive(kind)
	}
	return in.typeAt(r)
}

// result reads the result of a function, nil for none.
func (d *typeReader) result(r *reader, in *space) *typ {
	if !r.optional() {
		return d.value(r, in)
	}
	if n := r.byte(); n != 0 {
		r.fail("named results are of an older format")
	}
	return nil
}

// declarations reads what is in the type of an instance or component.
func (d *typeReader) declarations(r *reader, parent *space, kind typeKind, depth int) *definition {
	if depth > maxDepth {
		r.fail(fmt.Sprintf("types of components are nested deeper than %d", maxDepth))
	}
	in, declared := &space{parent: parent}, &definition{}
	for range countOf(r, r.end) {
		switch form := r.byte(); {
		case form == 0x01:
			in.types = append(in.types, d.defined(r, in, depth))
		case form == 0x02:
			d.alias(r, in)
		case form == 0x03 && kind == typeComponent:
			declared.imports = append(declared.imports, d.extern(r, in))
		case form == 0x04:
			declared.exports = append(declared.exports, d.extern(r, in))
		default:
			r.fail(fmt.Sprintf("a declaration of the unknown form %d", form))
		}
	}
	return declared
}

// extern reads the name and type of an import, or of an export of a type, and
// gives it an index.
func (d *typeReader) extern(r *reader, in *space) item {
	name := d.externName(r, maxDepth)
	d.count(r, name)
	described := d.externItem(r, in, name)
	d.spend(r, 1)
	in.add(described)
	return described
}

// externItem reads the type of an import or export.
func (d *typeReader) externItem(r *reader, in *space, name string) item {
	i := item{name: name, sort: r.byte()}
	switch i.sort {
	case sortFunction:
		i.typ = in.typeOf(r, "a function", typeFunc, typeAsyncFunc)
	case sortInstance:
		i.instance = d.madeInstance(r, &instance{name: name, items: in.typeOf(r, "an instance", typeInstance).items})
	case sortComponent:
		t := in.typeOf(r, "a component", typeComponent)
		i.component = &definition{imports: t.imports, exports: t.items}
	case sortType:
		if r.optional() {
			i.typ = d.made(r, &typ{kind: typeResource})
		} else {
			i.typ = d.made(r, &typ{kind: typeNamed, of: []*typ{in.typeAt(r)}})
		}
	case sortCore:
		r.byte()
		r.uint()
	case sortValue:
		if r.optional() {
			d.value(r, in)
		} else {
			r.uint()
		}
	default:
		r.fail(fmt.Sprintf("%q is of the unknown kind %d", name, i.sort))
	}
	return i
}

// add gives an item the next index of its sort.
func (s *space) add(i item) {
	switch i.sort {
	case sortFunction:
		s.functions = append(s.functions, i.typ)
	case sortType:
		s.types = append(s.types, i.typ)
	case sortInstance:
		s.instances = append(s.instances, i.instance)
	case sortComponent:
		s.components = append(s.components, i.component)
	}
}

// item is what has an index.
func (s *space) item(r *reader, name string, sort byte, index uint32) item {
	i := item{name: name, sort: sort}
	switch sort {
	case sortFunction:
		if !s.lost {
			i.typ = at(r, s.functions, index, "function")
		}
	case sortType:
		i.typ = at(r, s.types, index, "type")
	case sortInstance:
		i.instance = at(r, s.instances, index, "instance")
	case sortComponent:
		i.component = at(r, s.components, index, "component")
	}
	return i
}

// alias reads another name of an item.
func (d *typeReader) alias(r *reader, in *space) {
	sort := r.sort()
	switch form := r.byte(); form {
	case 0x00: // of an instance
		from := at(r, in.instances, r.uint(), "instance")
		name := r.name()
		d.spend(r, 1)
		found, ok := from.item(name, sort)
		if !ok {
			r.fail(fmt.Sprintf("an instance exports no %q of that sort", name))
		}
		if sort == sortType {
			found.typ = d.made(r, &typ{kind: typeAlias, labels: []string{name}, from: from, of: []*typ{found.typ}})
		}
		in.add(found)
	case 0x01: // of a core instance
		r.uint()
		r.name()
	case 0x02: // of an enclosing component
		outer := in
		for up := r.uint(); up > 0; up-- {
			if outer = outer.parent; outer == nil {
				r.fail("an alias of something outside the file")
			}
		}
		index := r.uint()
		if sort == sortType || sort == sortComponent {
			d.spend(r, 1)
			in.add(outer.item(r, "", sort, index))
		}
	default:
		r.fail(fmt.Sprintf("an alias of the unknown form %d", form))
	}
}

// item finds an item by a map: there may be as many that look for one as there
// are items.
func (i *instance) item(name string, sort byte) (item, bool) {
	if i.index == nil {
		i.index = make(map[itemKey]int, len(i.items))
		for n, item := range i.items {
			i.index[itemKey{item.name, item.sort}] = n
		}
	}
	n, ok := i.index[itemKey{name, sort}]
	if !ok {
		return item{}, false
	}
	return i.items[n], true
}
