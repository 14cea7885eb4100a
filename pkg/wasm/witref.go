package wasm

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// maxReference is how long the type of one parameter or field may be when it is
// written out, in bytes.
const maxReference = 64 << 10

var errReference = errors.New("its type is too long to write it out")

// reference is how a type is spoken of: by its name, or by what it is made of.
func (b *body) reference(t *typ) (string, error) {
	var out strings.Builder
	if err := b.writeReference(&out, t); err != nil {
		return "", err
	}
	return out.String(), nil
}

// generics are types that are written as a word and what they are made of.
var generics = map[typeKind]string{
	typeList: "list", typeFixedList: "list", typeMap: "map", typeOption: "option", typeTuple: "tuple", typeResult: "result",
	typeStream: "stream", typeFuture: "future", typeBorrow: "borrow",
}

func (b *body) writeReference(out *strings.Builder, t *typ) error {
	if out.Len() > maxReference {
		return errReference
	}
	for _, n := range chain(t) {
		if name := b.names[n]; name != "" {
			out.WriteString(name)
			return nil
		}
	}
	for n := next(t); n != nil; n = next(n) {
		t = n
	}
	if t.kind == typeOwn {
		return b.writeReference(out, t.of[0])
	}
	if name, ok := primitives[t.kind]; ok {
		out.WriteString(name)
		return nil
	}
	word, ok := generics[t.kind]
	if !ok {
		return errors.New("it has a type without a name, as no component may")
	}
	out.WriteString(word)
	parts := t.of
	for len(parts) > 0 && parts[len(parts)-1] == nil {
		parts = parts[:len(parts)-1]
	}
	if len(parts) == 0 {
		return nil
	}
	for n, part := range parts {
		out.WriteString([]string{"<", ", "}[min(n, 1)])
		if part == nil {
			out.WriteByte('_')
		} else if err := b.writeReference(out, part); err != nil {
			return err
		}
	}
	if t.kind == typeFixedList {
		fmt.Fprintf(out, ", %d", t.length)
	}
	out.WriteByte('>')
	return nil
}

// used are the types that come from other interfaces.
type used struct {
	from  []*instance
	names map[string][]string
}

// add notes an alias and what it is called here.
func (u *used) add(alias *typ, as string) {
	if u.names == nil {
		u.names = make(map[string][]string)
	}
	if u.names[alias.from.name] == nil {
		u.from = append(u.from, alias.from)
	}
	name := identifier(alias.labels[0])
	if alias.labels[0] != as {
		name += " as " + identifier(as)
	}
	u.names[alias.from.name] = append(u.names[alias.from.name], name)
}

func (u *used) write(b *body) {
	for _, from := range u.from {
		b.printer.need(from)
		pkg, name, _ := splitInterface(from.name)
		if name = identifier(name); pkg != b.pkg {
			name = from.name
		}
		slices.Sort(u.names[from.name])
		b.out.line("use " + name + ".{" + strings.Join(u.names[from.name], ", ") + "};")
	}
}
