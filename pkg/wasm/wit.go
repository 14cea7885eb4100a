package wasm

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// maxWIT is the most bytes of WIT that are written for one component.
const maxWIT = 4 << 20

var errTooMuchWIT = fmt.Errorf("its WIT has more than %d bytes", maxWIT)

// WIT returns the world of the component in the first size bytes of r, with all
// interfaces that it speaks of and the types in them, in the language of
// WIT.md. world is its name there. It returns a *FormatError as Parse does, and
// an error that says what WIT has no words for.
func WIT(r io.ReaderAt, size int64, world string) (text string, err error) {
	defer recoverFormatError(&err)
	file := newReader(r, size)
	if header(file, 0) != KindComponent {
		return "", errors.New("a core module has no world")
	}
	if !isLabel(world) {
		return "", fmt.Errorf("%q cannot be the name of a world", world)
	}
	d := typeReader{primitives: make(map[typeKind]*typ)}
	read := d.component(file, 0, nil)
	p := printer{known: make(map[string]bool)}
	out := witWriter{size: new(int)}
	if err := p.world(&out, world, read); err != nil {
		return "", err
	}
	return out.String(), nil
}

// printer collects the interfaces to write while it writes.
type printer struct {
	known map[string]bool // by name
	queue []*instance
}

// need has an interface written.
func (p *printer) need(i *instance) {
	if !p.known[i.name] {
		p.known[i.name] = true
		p.queue = append(p.queue, i)
	}
}

func (p *printer) world(out *witWriter, name string, of *definition) error {
	out.line("package root:component;")
	out.open("world " + identifier(name))
	b := newBody(p, out, "")
	if err := b.worldItems("import", of.imports); err != nil {
		return err
	}
	if err := b.worldItems("export", of.exports); err != nil {
		return err
	}
	out.close()
	// Interfaces may need others, and those of a package belong together.
	var packages []string
	written := make(map[string]*witWriter)
	for n := 0; n < len(p.queue); n++ {
		i := p.queue[n]
		pkg, local, _ := splitInterface(i.name)
		if written[pkg] == nil {
			packages = append(packages, pkg)
			written[pkg] = &witWriter{indent: 1, size: out.size}
		}
		w := written[pkg]
		w.open("interface " + identifier(local))
		if err := newBody(p, w, pkg).interfaceItems(i.items); err != nil {
			return fmt.Errorf("interface %s: %w", i.name, err)
		}
		w.close()
	}
	for _, pkg := range packages {
		out.open("package " + pkg)
		out.WriteString(written[pkg].String())
		out.close()
	}
	return out.full()
}

// worldItems writes the imports or exports of a world.
func (b *body) worldItems(verb string, items []item) error {
	var inside []item // the world's own types and their functions
	for _, i := range items {
		if err := b.out.full(); err != nil {
			return err
		}
		resource := strings.HasPrefix(i.name, "[")
		switch _, _, isInterface := splitInterface(i.name); {
		case i.sort == sortInstance && isInterface:
			b.printer.need(i.instance)
			b.out.line(verb + " " + i.name + ";")
		case i.sort == sortInstance && isLabel(i.name):
			b.out.open(verb + " " + identifier(i.name) + ": interface")
			if err := newBody(b.printer, b.out, "").interfaceItems(i.instance.items); err != nil {
				return fmt.Errorf("interface %s: %w", i.name, err)
			}
			b.out.close()
		case verb == "import" && i.sort == sortType, i.sort == sortFunction && (resource || isLabel(i.name)):
			inside = append(inside, i)
		default:
			b.out.line("// " + verb + " " + fmt.Sprintf("%q", i.name) + ": WIT has no word for it")
		}
	}
	b.prefix = verb + " "
	return b.interfaceItems(inside)
}

// splitInterface splits "namespace:package/interface@version" into the package
// with its version, and the interface.
func splitInterface(name string) (pkg, local string, ok bool) {
	if !isInterfaceName(name) {
		return "", "", false
	}
	path, version, versioned := strings.Cut(name, "@")
	slash := strings.LastIndexByte(path, '/')
	pkg, local = path[:slash], path[slash+1:]
	if versioned {
		pkg += "@" + version
	}
	return pkg, local, true
}

// isLabel reports whether a name is an identifier of WIT, in which each part is in
// small or in capital letters.
func isLabel(name string) bool {
	if name == "" || isDigit(rune(name[0])) {
		return false
	}
	for part := range strings.SplitSeq(name, "-") {
		small := func(r rune) bool { return r >= 'a' && r <= 'z' || isDigit(r) }
		capital := func(r rune) bool { return r >= 'A' && r <= 'Z' || isDigit(r) }
		if part == "" || !consistsOf(part, small) && !consistsOf(part, capital) {
			return false
		}
	}
	return true
}

// isInterfaceName reports whether a name is like "namespace:package/interface" with
// or without "@version".
func isInterfaceName(name string) bool {
	path, version, versioned := strings.Cut(name, "@")
	inVersion := func(r rune) bool {
		return isDigit(r) || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || strings.ContainsRune(".+-", r)
	}
	if versioned && (version == "" || !isDigit(rune(version[0])) || !consistsOf(version, inVersion)) {
		return false
	}
	pkg, local, inPackage := strings.Cut(path, "/")
	return inPackage && strings.Contains(pkg, ":") && areLabels(pkg, ":") && areLabels(local, "/")
}

func areLabels(names, separator string) bool {
	for name := range strings.SplitSeq(names, separator) {
		if !isLabel(name) {
			return false
		}
	}
	return true
}

func isDigit(r rune) bool { return r >= '0' && r <= '9' }

func consistsOf(text string, of func(rune) bool) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return !of(r) })
}

var keywords = strings.Fields(`use type func u8 u16 u32 u64 s8 s16 s32 s64 f32 f64 char resource own borrow record flags variant
	enum bool string option result future stream error-context list map as from static interface tuple world import export
	package constructor include with async`)

// identifier is a label as WIT has to spell it.
func identifier(label string) string {
	if slices.Contains(keywords, label) {
		return "%" + label
	}
	return label
}

// witWriter writes lines, indented by the blocks that are open.
type witWriter struct {
	strings.Builder
	indent int
	size   *int // of the lines of all writers for one component, in bytes
}

// line writes a line, after a blank one where a block has ended.
func (w *witWriter) line(text string) {
	if text != "}" && strings.HasSuffix(w.String(), "}\n") {
		w.WriteByte('\n')
	}
	for range w.indent {
		w.WriteString("  ")
	}
	w.WriteString(text)
	w.WriteByte('\n')
	*w.size += 2*w.indent + len(text) + 1
}

// open begins a block, after a blank line unless it is the first in another.
func (w *witWriter) open(text string) {
	if before := w.String(); before != "" && !strings.HasSuffix(before, "{\n") && !strings.HasSuffix(before, "}\n") {
		w.WriteByte('\n')
	}
	w.line(text + " {")
	w.indent++
}

func (w *witWriter) close() {
	w.indent--
	w.line("}")
}

// full returns an error when maxWIT is exceeded. Whatever writes lines in a loop asks it
// for each item: a few bytes of a file can stand for many lines.
func (w *witWriter) full() error {
	if *w.size > maxWIT {
		return errTooMuchWIT
	}
	return nil
}
