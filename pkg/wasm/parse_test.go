package wasm_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/wasmfile/wasmfile/pkg/wasm"
)

// The builder below writes just enough of the binary format for the tests.

func uint32LEB(n int) []byte {
	var out []byte
	for {
		b := byte(n & 0x7f)
		if n >>= 7; n == 0 {
			return append(out, b)
		}
		out = append(out, b|0x80)
	}
}

func cat(parts ...[]byte) []byte { return slices.Concat(parts...) }

func str(s string) []byte { return append(uint32LEB(len(s)), s...) }

func list(items ...[]byte) []byte { return cat(uint32LEB(len(items)), cat(items...)) }

func section(id byte, content []byte) []byte {
	return cat([]byte{id}, uint32LEB(len(content)), content)
}

func module(sections ...[]byte) []byte {
	return cat([]byte("\x00asm\x01\x00\x00\x00"), cat(sections...))
}

func component(sections ...[]byte) []byte {
	return cat([]byte("\x00asm\x0d\x00\x01\x00"), cat(sections...))
}

func moduleImport(module, field string, desc ...byte) []byte {
	return cat(str(module), str(field), desc)
}

func instanceImport(name string) []byte {
	return cat([]byte{0x00}, str(name), []byte{0x05, 0x00})
}

func instanceExport(name string) []byte {
	return cat([]byte{0x00}, str(name), []byte{0x05, 0x00, 0x00})
}

var (
	command = module(
		section(1, list([]byte{0x60, 0, 0})),
		section(2, list(
			moduleImport("wasi_snapshot_preview1", "fd_write", 0, 0),
			moduleImport("wasi_snapshot_preview1", "fd_read", 0, 0),
			moduleImport("env", "memory", 2, 0x01, 1, 2),
			moduleImport("env", "table", 1, 0x70, 0, 1),
			moduleImport("env", "global", 3, 0x7f, 0),
		)),
		section(3, list([]byte{0})),
		section(7, list(cat(str("_start"), []byte{0, 0}), cat(str("memory"), []byte{2, 0}))),
		section(10, list(cat(uint32LEB(2), []byte{0, 0x0b}))),
		section(0, cat(str("name"), []byte{1, 2, 3})),
		section(0, cat(str("producers"), []byte{0})),
	)
	cli = component(
		section(0, cat(str("component-name"), []byte{1, 2})),
		section(10, list(instanceImport("wasi:cli/stdout@0.2.3"), instanceImport("wasi:cli/exit@0.2.3"))),
		section(1, command),
		section(4, component(section(11, list(instanceExport("inner"))))),
		section(7, []byte{1, 2, 3, 4}), // types are not read
		section(11, list(instanceExport("wasi:cli/run@0.2.3"))),
	)
	starting = module(
		section(1, list([]byte{0x60, 0, 0})),
		section(3, list([]byte{0})),
		section(8, []byte{0}),
		section(10, list(cat(uint32LEB(2), []byte{0, 0x0b}))),
	)
	server    = component(section(11, list(instanceExport("wasi:http/incoming-handler@0.2.0"))))
	newServer = component(section(11, list(instanceExport("wasi:http/handler@0.3.0"))))
	library   = component(section(11, list(
		cat([]byte{0x01}, str("greet"), []byte{0x01, 0x00, 0x01, 0x01, 0x02}), // with a type
		cat([]byte{0x02}, str("local:pkg/iface@1"), list(cat([]byte{0x01}, str(".2.3"))), []byte{0x05, 0x00, 0x00}),
	)))
)

func parse(b []byte) (*wasm.Info, error) {
	return wasm.Parse(bytes.NewReader(b), int64(len(b)))
}

func TestParse(t *testing.T) {
	cases := []struct {
		name           string
		file           []byte
		want           wasm.Info
		command, serve bool
	}{
		{"an empty module", module(), wasm.Info{Kind: wasm.KindModule}, false, false},
		{"an empty component", component(), wasm.Info{Kind: wasm.KindComponent, WASI: 2}, false, false},
		{
			"a command", command,
			wasm.Info{Kind: wasm.KindModule, WASI: 1, Imports: []string{"env", "wasi_snapshot_preview1"}, Exports: []string{"_start", "memory"}, DebugSize: 8},
			true, false,
		},
		{"a module with a start section", starting, wasm.Info{Kind: wasm.KindModule}, true, false},
		{"that of a nested module", component(section(1, starting)), wasm.Info{Kind: wasm.KindComponent, WASI: 2}, false, false},
		{
			"a component with nested ones", cli,
			wasm.Info{Kind: wasm.KindComponent, WASI: 2, Imports: []string{"wasi:cli/exit@0.2.3", "wasi:cli/stdout@0.2.3"}, Exports: []string{"wasi:cli/run@0.2.3"}, DebugSize: 25},
			true, false,
		},
		{"an HTTP component", server, wasm.Info{Kind: wasm.KindComponent, WASI: 2, Exports: []string{"wasi:http/incoming-handler@0.2.0"}}, false, true},
		{"one of WASI 0.3", newServer, wasm.Info{Kind: wasm.KindComponent, WASI: 3, Exports: []string{"wasi:http/handler@0.3.0"}}, false, true},
		{"other forms of names", library, wasm.Info{Kind: wasm.KindComponent, WASI: 2, Exports: []string{"greet", "local:pkg/iface@1.2.3"}}, false, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, err := parse(c.file)
			if err != nil {
				t.Fatal(err)
			}
			if got.Kind != c.want.Kind || got.WASI != c.want.WASI || got.DebugSize != c.want.DebugSize ||
				!slices.Equal(got.Imports, c.want.Imports) || !slices.Equal(got.Exports, c.want.Exports) {
				t.Errorf("got %+v, want %+v", *got, c.want)
			}
			if got.RunsAsCommand() != c.command || got.ServesHTTP() != c.serve {
				t.Errorf("command %t, HTTP %t", got.RunsAsCommand(), got.ServesHTTP())
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	deep := component()
	for range 70 {
		deep = component(section(4, deep))
	}
	cases := []struct {
		name   string
		file   []byte
		says   string
		offset int64
	}{
		{"nothing", nil, "the file is empty", 0},
		{"half a header", []byte("\x00as"), "within the header", 3},
		{"only the magic number", []byte("\x00asm"), "ends too early", 0},
		{"an ELF file", []byte("\x7fELF\x02\x01"), "ELF", 0},
		{"text format", []byte("\n (module)"), "wasm-tools parse", 0},
		{"component text", []byte("(component)"), "wasm-tools parse", 0},
		{"gzip", []byte("\x1f\x8b\x08\x00"), "gzip", 0},
		{"a script", []byte("#!/bin/sh\n"), "script", 0},
		{"HTML", []byte("<!doctype html>"), "HTML", 0},
		{"prose", []byte("hello"), "this is text", 0},
		{"noise", []byte{0xff, 0xfe, 0, 1}, "not with fffe0001", 0},
		{"an old component", []byte("\x00asm\x0a\x00\x01\x00"), "not the released", 8},
		{"a future module", []byte("\x00asm\x02\x00\x00\x00"), "version 2", 8},
		{"an unknown section", module(section(14, nil)), "there is no section 14", 8},
		{"a section beyond the end", cat(module(), []byte{1, 0xff, 0xff, 0xff, 0xff, 0x0f}), "beyond the end of the file", 14},
		{"a section twice", module(section(1, list()), section(1, list())), "comes twice", 11},
		{"sections out of order", module(section(3, list()), section(1, list())), "wrong place", 11},
		{"a missing body", module(section(3, list([]byte{0}))), "1 functions are declared and 0", 12},
		{"too many imports for the section", module(section(2, uint32LEB(1_000_000))), "cannot hold", 13},
		{"bytes after the imports", module(section(2, cat(list(), []byte{9}))), "too many", 11},
		{"a control character in a name", module(section(7, list(cat(str("\x1b[2J"), []byte{0, 0})))), "control character", 16},
		{"a name that is not UTF-8", module(section(7, list(cat(str("\xff"), []byte{0, 0})))), "not UTF-8", 13},
		{"a huge name", module(section(7, cat(uint32LEB(1), uint32LEB(1<<20), make([]byte, 5)))), "the limit is", 14},
		{"a huge number", module(section(7, bytes.Repeat([]byte{0xff}, 8))), "more than five bytes", 15},
		{"an unknown import", module(section(2, list(moduleImport("a", "b", 9)))), "unknown kind 9", 16},
		{"a module as component", component(section(4, module())), "holds a core module", 18},
		{"a component as module", component(section(1, component())), "holds a component", 18},
		{"text as module", component(section(1, []byte("(module)"))), "WebAssembly text", 10},
		{"deep nesting", deep, "nested deeper", 0},
		{"a Mach-O file", []byte("\xcf\xfa\xed\xfe\x07\x00\x00\x01"), "Mach-O", 0},
		{"a Windows executable", []byte("MZ\x90\x00"), "Windows", 0},
		{"an unknown option of a name", component(section(10, list(cat([]byte{0x02}, str("a"), list([]byte{0x03}), []byte{5, 0})))), "unknown option 3", 16},
		{"an unknown form of a name", component(section(10, list(cat([]byte{0x03}, str("a"), []byte{5, 0})))), "unknown form 3", 12},
		{"an unknown sort", component(section(11, list(cat([]byte{0x00}, str("a"), []byte{6, 0, 0})))), "unknown sort 6", 15},
		{"too many imports", module(section(2, list(slices.Repeat([][]byte{moduleImport("a", "b", 0, 0)}, 100_001)...))), "more than 100000", 0},
		{"names of many megabytes", module(section(7, list(slices.Repeat([][]byte{cat(str(strings.Repeat("x", 4096)), []byte{0, 0})}, 4097)...))), "names of imports and exports have more", 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := parse(c.file)
			var formatError *wasm.FormatError
			if !errors.As(err, &formatError) || !strings.Contains(err.Error(), c.says) {
				t.Fatalf("want a FormatError that says %q, got: %v", c.says, err)
			}
			if c.offset != 0 && formatError.Offset != c.offset {
				t.Errorf("at offset %d, not %d: %v", formatError.Offset, c.offset, err)
			}
		})
	}
}

// TestEveryTruncationIsFound: a file cut anywhere but between two sections is
// refused; between sections nothing can tell, except that code is missing.
func TestEveryTruncationIsFound(t *testing.T) {
	for _, file := range [][]byte{command, cli, server, library} {
		whole, err := parse(file)
		if err != nil {
			t.Fatal(err)
		}
		between := sectionEnds(file)
		for n := range file {
			if got, err := parse(file[:n]); err == nil {
				if !slices.Contains(between, n) {
					t.Errorf("cut at %d of %d it is accepted", n, len(file))
				}
				if len(got.Exports) > len(whole.Exports) {
					t.Errorf("cut at %d it has more exports than whole", n)
				}
			}
		}
	}
}

// TestParseRealFiles: files made by wasm-tools.
func TestParseRealFiles(t *testing.T) {
	for file, want := range map[string]wasm.Info{
		"greet.wasm": {
			Kind: wasm.KindComponent, WASI: 2,
			Imports: []string{"wasi:cli/environment@0.2.0", "wasi:cli/stdout@0.2.0", "wasi:io/error@0.2.0", "wasi:io/streams@0.2.0"},
			Exports: []string{"wasi:cli/run@0.2.0"},
		},
		"http.wasm": {
			Kind: wasm.KindComponent, WASI: 2,
			Imports: []string{"wasi:http/types@0.2.0", "wasi:io/error@0.2.0", "wasi:io/streams@0.2.0"},
			Exports: []string{"wasi:http/incoming-handler@0.2.0"},
		},
		"wasi3.wasm": {Kind: wasm.KindComponent, WASI: 3, Exports: []string{"wasi:cli/run@0.3.0"}},
		"options.wasm": {
			Kind: wasm.KindComponent, WASI: 3, Imports: []string{"wasi:http/types@0.2.6", "x", "y", "z"},
		},
		"compact.wasm": {Kind: wasm.KindModule, Imports: []string{"a", "d"}},
	} {
		t.Run(file, func(t *testing.T) {
			content, err := os.ReadFile(filepath.Join("testdata", file))
			if err != nil {
				t.Fatal(err)
			}
			got, err := parse(content)
			if err != nil {
				t.Fatal(err)
			}
			if got.Kind != want.Kind || got.WASI != want.WASI ||
				!slices.Equal(got.Imports, want.Imports) || !slices.Equal(got.Exports, want.Exports) {
				t.Errorf("got %+v, want %+v", *got, want)
			}
		})
	}
}

// sectionEnds are the offsets between the outermost sections: a file that is
// cut there is whole by itself.
func sectionEnds(file []byte) []int {
	ends := []int{8}
	for at := 8; at < len(file); {
		size, n := binary.Uvarint(file[at+1:])
		at += 1 + n + int(size)
		ends = append(ends, at)
	}
	return ends
}

func TestParseRefusesANegativeSize(t *testing.T) {
	var formatError *wasm.FormatError
	if _, err := wasm.Parse(bytes.NewReader(command), -1); !errors.As(err, &formatError) {
		t.Errorf("got %v", err)
	}
}

// failing fails to read after the header.
type failing struct{ err error }

func (f failing) ReadAt(p []byte, off int64) (int, error) {
	if off > 0 {
		return 0, f.err
	}
	return copy(p, "\x00asm\x01\x00\x00\x00"), f.err
}

func TestParseReportsReadErrors(t *testing.T) {
	cause := errors.New("disk on fire")
	_, err := wasm.Parse(failing{cause}, 1<<20)
	if !errors.Is(err, cause) {
		t.Errorf("got %v", err)
	}
}

func TestParseFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "command.wasm")
	if err := os.WriteFile(path, command, 0o644); err != nil {
		t.Fatal(err)
	}
	info, err := wasm.ParseFile(path)
	if err != nil || info.WASI.Version() != "0.1" || !info.RunsAsCommand() {
		t.Errorf("got %+v (%v)", info, err)
	}
	if _, err := wasm.ParseFile(path + ".not"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
	if unknown := wasm.WASI(0).Version(); unknown != "-" {
		t.Errorf("no version is called %q", unknown)
	}
}
