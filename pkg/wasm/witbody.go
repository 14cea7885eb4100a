package wasm

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// body writes what is in an interface or world.
type body struct {
	printer *printer
	out     *witWriter
	pkg     string          // whose interfaces go by their short names
	prefix  string          // of functions, in a world
	names   map[*typ]string // what types are called here
}

func newBody(p *printer, out *witWriter, pkg string) *body {
	return &body{printer: p, out: out, pkg: pkg, names: make(map[*typ]string)}
}

// interfaceItems writes types and functions.
func (b *body) interfaceItems(items []item) error {
	methods := make(map[string][]item)
	var types, functions []item
	var uses used
	for _, i := range items {
		switch resource, ok := ofResource(i.name); {
		case i.sort == sortType:
			if !isLabel(i.name) {
				return fmt.Errorf("a type may not be called %q", i.name)
			}
			if alias := b.used(i.typ); alias != nil {
				uses.add(alias, i.name)
			} else {
				types = append(types, i)
			}
			b.register(i)
		case i.sort == sortFunction && ok:
			methods[resource] = append(methods[resource], i)
		case i.sort == sortFunction:
			functions = append(functions, i)
		default:
			b.out.line(fmt.Sprintf("// %q: WIT has no word for it", i.name))
			if err := b.out.full(); err != nil {
				return err
			}
		}
	}
	uses.write(b)
	for _, i := range types {
		if err := b.out.full(); err != nil {
			return err
		}
		if err := b.define(i, methods[i.name]); err != nil {
			return fmt.Errorf("type %s: %w", i.name, err)
		}
		delete(methods, i.name)
	}
	for resource := range methods {
		return fmt.Errorf("functions of %q, which is no resource here", resource)
	}
	for _, i := range functions {
		if !isLabel(strings.TrimPrefix(i.name, "[async]")) {
			return fmt.Errorf("a function may not be called %q", i.name)
		}
		if err := b.function(i, strings.TrimPrefix(i.name, "[async]"), b.prefix); err != nil {
			return err
		}
	}
	return nil
}

// ofResource is the resource that a function belongs to by its name, such as
// "[method]file.read".
func ofResource(name string) (string, bool) {
	kind, rest, ok := strings.Cut(name, "]")
	if !ok || !strings.HasPrefix(kind, "[") || kind == "[async" {
		return "", false
	}
	resource, _, _ := strings.Cut(rest, ".")
	return resource, true
}

// next is the type that another one is only a name for.
func next(t *typ) *typ {
	if t.kind == typeNamed || t.kind == typeAlias {
		return t.of[0]
	}
	return nil
}

// maxNames is how many names for each other are followed.
const maxNames = 64

// chain is a type and those that it is a name for. Of an imported type, what an
// instantiation gives for it comes before what the import says.
func chain(t *typ) []*typ {
	var found []*typ
	var visit func(t *typ)
	visit = func(t *typ) {
		for ; t != nil && len(found) < maxNames && !slices.Contains(found, t); t = next(t) {
			found = append(found, t)
			visit(t.argument)
		}
	}
	visit(t)
	return found
}

// used returns the alias of an interface's type that a type is another name
// for, and nil when it is a type of its own.
func (b *body) used(t *typ) *typ {
	for _, t := range chain(t) {
		if b.names[t] != "" {
			return nil
		}
		if t.kind == typeAlias && isInterfaceName(t.from.name) {
			return t
		}
	}
	return nil
}

// register notes what a type, and each that it is a name for, is called.
func (b *body) register(i item) {
	for _, t := range chain(i.typ) {
		switch t.kind {
		case typeNamed, typeAlias, typeResource, typeRecord, typeVariant, typeEnum, typeFlags:
			if b.names[t] == "" {
				b.names[t] = identifier(i.name)
			}
		}
	}
}

// define writes the definition of a type.
func (b *body) define(i item, methods []item) error {
	name, t := identifier(i.name), i.typ
	for _, other := range chain(t) {
		if called := b.names[other]; called != "" && called != name {
			b.out.line("type " + name + " = " + called + ";")
			return nil
		}
	}
	for n := next(t); n != nil; n = next(n) {
		t = n
	}
	switch t.kind {
	case typeResource:
		if len(methods) == 0 {
			b.out.line("resource " + name + ";")
			return nil
		}
		b.out.open("resource " + name)
		for _, method := range methods {
			if err := b.method(method); err != nil {
				return err
			}
		}
		b.out.close()
	case typeRecord, typeVariant:
		b.out.open(map[typeKind]string{typeRecord: "record ", typeVariant: "variant "}[t.kind] + name)
		for n, label := range t.labels {
			field, err := b.field(label, t.of[n], t.kind == typeRecord)
			if err != nil {
				return err
			}
			b.out.line(field + ",")
			if err := b.out.full(); err != nil {
				return err
			}
		}
		b.out.close()
	case typeEnum, typeFlags:
		b.out.open(map[typeKind]string{typeEnum: "enum ", typeFlags: "flags "}[t.kind] + name)
		for _, label := range t.labels {
			if !isLabel(label) {
				return fmt.Errorf("there is no name %q in WIT", label)
			}
			b.out.line(identifier(label) + ",")
			if err := b.out.full(); err != nil {
				return err
			}
		}
		b.out.close()
	default:
		of, err := b.reference(t)
		if err != nil {
			return err
		}
		b.out.line("type " + name + " = " + of + ";")
	}
	return nil
}

// field is a field of a record, a parameter, or a case of a variant.
func (b *body) field(label string, of *typ, colon bool) (string, error) {
	if !isLabel(label) {
		return "", fmt.Errorf("there is no name %q in WIT", label)
	}
	if of == nil {
		return identifier(label), nil
	}
	reference, err := b.reference(of)
	if err != nil {
		return "", fmt.Errorf("%s: %w", label, err)
	}
	if colon {
		return identifier(label) + ": " + reference, nil
	}
	return identifier(label) + "(" + reference + ")", nil
}

// method writes a function of a resource.
func (b *body) method(i item) error {
	kind, rest, _ := strings.Cut(strings.TrimPrefix(i.name, "["), "]")
	_, name, _ := strings.Cut(rest, ".")
	switch kind {
	case "constructor":
		if i.typ == nil {
			break
		}
		signature, result, err := b.signature(i.typ, 0)
		if err != nil {
			return fmt.Errorf("constructor of %s: %w", rest, err)
		}
		if of := i.typ.of[len(i.typ.labels)]; of != nil && of.kind == typeOwn {
			result = ""
		}
		b.out.line("constructor" + signature + result + ";")
		return b.out.full()
	case "method", "static", "async method", "async static":
		if isLabel(name) {
			return b.function(i, name, "")
		}
	}
	return fmt.Errorf("a function may not be called %q", i.name)
}

// function writes a function.
func (b *body) function(i item, name, prefix string) error {
	if i.typ == nil {
		b.out.line("// " + prefix + name + ": a function whose type is of a form that is not known")
		return b.out.full()
	}
	kind := "func"
	if i.typ.kind == typeAsyncFunc || strings.HasPrefix(i.name, "[async") {
		kind = "async func"
	}
	skip := 0
	switch {
	case strings.Contains(i.name, "static]"):
		kind = "static " + kind
	case strings.Contains(i.name, "method]"):
		skip = 1 // self
	}
	signature, result, err := b.signature(i.typ, skip)
	if err != nil {
		return fmt.Errorf("function %s: %w", i.name, err)
	}
	b.out.line(prefix + identifier(name) + ": " + kind + signature + result + ";")
	return b.out.full()
}

// signature is a function's parameters but the first ones, and its result.
func (b *body) signature(t *typ, skip int) (parameters, result string, err error) {
	if t.kind != typeFunc && t.kind != typeAsyncFunc {
		return "", "", errors.New("its type is not that of a function")
	}
	n := len(t.labels)
	if n < skip {
		return "", "", errors.New("it has no parameter for its resource")
	}
	var list strings.Builder
	for k := skip; k < n; k++ {
		parameter, err := b.field(t.labels[k], t.of[k], true)
		if err != nil {
			return "", "", err
		}
		if k > skip {
			list.WriteString(", ")
		}
		list.WriteString(parameter)
		if list.Len() > maxWIT {
			return "", "", errTooMuchWIT
		}
	}
	if of := t.of[n]; of != nil {
		reference, err := b.reference(of)
		if err != nil {
			return "", "", fmt.Errorf("result: %w", err)
		}
		result = " -> " + reference
	}
	return "(" + list.String() + ")", result, nil
}
