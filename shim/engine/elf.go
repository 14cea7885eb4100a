package engine

import (
	"bufio"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// library is a shared library that an executable needs: the name that asks
// for it and the file of the host that answers.
type library struct{ name, path string }

// closure is all that a dynamic linker must find to start an executable.
type closure struct {
	// interpreter is the dynamic linker itself; its name is empty for a
	// static executable.
	interpreter library
	libraries   []library
}

// maxLibraries stops a chain of libraries that never ends.
const maxLibraries = 256

// findLibraries follows the DT_NEEDED entries of an ELF executable and of the
// libraries that they lead to, the way the dynamic linker does: DT_RUNPATH or
// DT_RPATH with $ORIGIN, then the directories of the host's configuration.
func findLibraries(executable string) (*closure, error) {
	class, interpreter, needed, err := readELF(executable)
	if err != nil {
		return nil, err
	}
	c := &closure{}
	if interpreter == "" {
		return c, nil
	}
	c.interpreter = library{name: filepath.Base(interpreter), path: interpreter}
	system := libraryDirs()
	for pending := needed; len(pending) > 0; pending = pending[1:] {
		next := pending[0]
		known := func(l library) bool { return l.name == next.name }
		if next.name == c.interpreter.name || slices.ContainsFunc(c.libraries, known) {
			continue
		}
		if len(c.libraries) == maxLibraries {
			return nil, fmt.Errorf("%s needs over %d libraries", executable, maxLibraries)
		}
		path, more, err := next.find(class, system)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", executable, err)
		}
		c.libraries = append(c.libraries, library{name: next.name, path: path})
		pending = append(pending, more...)
	}
	return c, nil
}

// need is one DT_NEEDED entry, and where its file says to look first.
type need struct {
	name string
	dirs []string
}

// find returns the first file of that name that is for the same machine, and
// what that file needs in turn.
func (n need) find(class machine, system []string) (string, []need, error) {
	if n.name != filepath.Base(n.name) {
		return "", nil, fmt.Errorf("library %q is named by a path: not supported", n.name)
	}
	for _, dir := range slices.Concat(n.dirs, system) {
		path := filepath.Join(dir, n.name)
		found, _, more, err := readELF(path)
		if errors.Is(err, os.ErrNotExist) || (err == nil && found != class) {
			continue
		}
		if err != nil {
			return "", nil, err
		}
		return path, more, nil
	}
	return "", nil, fmt.Errorf("library %s is not on this host", n.name)
}

// machine tells for which processor and ABI an ELF file is.
type machine struct {
	class elf.Class
	kind  elf.Machine
}

func readELF(path string) (m machine, interpreter string, needed []need, err error) {
	f, err := elf.Open(path)
	var format *elf.FormatError
	if errors.As(err, &format) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return machine{}, "", nil, fmt.Errorf("%w: %s is no ELF executable, but a script perhaps, whose executable is to be named, or cut off: %w", ErrUnsupported, path, err)
	}
	if err != nil {
		return machine{}, "", nil, fmt.Errorf("read ELF file %s: %w", path, err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	m = machine{class: f.Class, kind: f.Machine}
	for _, p := range f.Progs {
		if p.Type != elf.PT_INTERP || p.Filesz > 4096 {
			continue
		}
		name := make([]byte, p.Filesz)
		if _, err := p.ReadAt(name, 0); err != nil {
			return machine{}, "", nil, fmt.Errorf("read the interpreter of %s: %w", path, err)
		}
		interpreter = strings.TrimRight(string(name), "\x00")
	}
	names, err := f.ImportedLibraries()
	if err != nil {
		return machine{}, "", nil, fmt.Errorf("read the libraries of %s: %w", path, err)
	}
	dirs := searchPath(f, filepath.Dir(path))
	for _, name := range names {
		needed = append(needed, need{name: name, dirs: dirs})
	}
	return m, interpreter, needed, nil
}

// searchPath is an ELF file's own: DT_RUNPATH, else DT_RPATH.
func searchPath(f *elf.File, origin string) []string {
	var dirs []string
	for _, tag := range []elf.DynTag{elf.DT_RUNPATH, elf.DT_RPATH} {
		paths, err := f.DynString(tag)
		if err != nil || len(paths) == 0 {
			continue
		}
		for _, dir := range strings.Split(strings.Join(paths, ":"), ":") {
			dir = strings.NewReplacer("${ORIGIN}", origin, "$ORIGIN", origin).Replace(dir)
			if filepath.IsAbs(dir) {
				dirs = append(dirs, dir)
			}
		}
		break
	}
	return dirs
}

// libraryDirs are the directories in which the host's dynamic linker looks:
// those of /etc/ld.so.conf, then those that are built into it.
func libraryDirs() []string {
	dirs := configuredDirs("/etc/ld.so.conf", 0)
	for _, pattern := range []string{"/lib/*-linux-*", "/usr/lib/*-linux-*"} {
		multiarch, err := filepath.Glob(pattern)
		if err == nil {
			dirs = append(dirs, multiarch...)
		}
	}
	return append(dirs, "/lib64", "/usr/lib64", "/lib", "/usr/lib", "/usr/local/lib")
}

// configuredDirs reads a file in the format of ld.so.conf(5), included files
// too. A file that cannot be read says nothing.
func configuredDirs(path string, depth int) []string {
	f, err := os.Open(path)
	if err != nil || depth > 4 {
		return nil
	}
	defer f.Close()
	var dirs []string
	for lines := bufio.NewScanner(f); lines.Scan(); {
		line, _, _ := strings.Cut(lines.Text(), "#")
		fields := strings.Fields(line)
		switch {
		case len(fields) == 1 && filepath.IsAbs(fields[0]):
			dirs = append(dirs, fields[0])
		case len(fields) > 1 && fields[0] == "include":
			for _, pattern := range fields[1:] {
				if !filepath.IsAbs(pattern) {
					pattern = filepath.Join(filepath.Dir(path), pattern)
				}
				included, err := filepath.Glob(pattern)
				if err != nil {
					continue
				}
				for _, file := range included {
					dirs = append(dirs, configuredDirs(file, depth+1)...)
				}
			}
		}
	}
	return dirs
}
