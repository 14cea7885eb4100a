package wasm_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/wasmfile/wasmfile/pkg/wasm"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// TestWIT: given components made by tools, their worlds, which have what the
// .wit files say that they were made from.
func TestWIT(t *testing.T) {
	for path, content := range realFiles(t) {
		name := strings.TrimSuffix(filepath.Base(path), ".wasm")
		t.Run(name, func(t *testing.T) {
			got, err := wasm.WIT(bytes.NewReader(content), int64(len(content)), name)
			if err != nil {
				if info, parseErr := parse(content); parseErr == nil && info.Kind == wasm.KindModule {
					return
				}
				t.Fatal(err)
			}
			golden := filepath.Join("testdata", "wit", name+".golden")
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil || got != string(want) {
				t.Errorf("the world is\n%s\nnot\n%s(%v)", got, want, err)
			}
		})
	}
}

// The builder below writes types.

func typeSection(types ...[]byte) []byte { return section(7, list(types...)) }

func instanceType(declarations ...[]byte) []byte {
	return cat([]byte{0x42}, list(declarations...))
}

func declareType(t []byte) []byte { return cat([]byte{0x01}, t) }

func declareExport(name string, description ...byte) []byte {
	return cat([]byte{0x04, 0x00}, str(name), description)
}

func typeImport(name string, description ...byte) []byte {
	return cat([]byte{0x00}, str(name), description)
}

func functionType(parameters ...[]byte) []byte {
	return cat([]byte{0x40}, list(parameters...), []byte{0x01, 0x00})
}

// TestWITOfHandMade: given components that no tool makes, or none of today,
// their worlds or why there is none.
func TestWITOfHandMade(t *testing.T) {
	u32 := byte(0x79)
	record := cat([]byte{0x72}, list(cat(str("x"), []byte{u32})))
	exportedFunction := func(t byte) []byte {
		return section(11, list(cat([]byte{0x00}, str("run"), []byte{0x01, 0x00, 0x00})))
	}
	lift := func(t byte) []byte { return cat([]byte{0x00, 0x00, 0x00}, list(), []byte{t}) }
	cases := []struct {
		name, want string
		file       []byte
	}{
		{"nothing", "world w {\n}", component()},
		{"a lifted function", "export run: func();", component(typeSection(functionType()), section(8, list(lift(0))), exportedFunction(0))},
		{"a lifted function among others", "export run: func();", component(
			typeSection(functionType()),
			section(8, list([]byte{0x09, 0x01, 0x00, 0x00}, []byte{0x20, 0x00, 0x00}, []byte{0x0f, 0x00, 0x02, 0x03, 0x00, 0x06}, lift(0))), exportedFunction(0),
		)},
		{"a lifted function after a form to come", "// export run: a function whose type is of a form that is not known", component(
			typeSection(functionType()), section(8, list([]byte{0x7f, 1, 2, 3}, lift(0))), exportedFunction(0),
		)},
		{"a map and a fixed list", "import f: func(a: map<string, u32>, b: list<u32, 7>);", component(
			typeSection([]byte{0x63, 0x73, u32}, []byte{0x67, u32, 7}, functionType(cat(str("a"), []byte{0}), cat(str("b"), []byte{1}))),
			section(10, list(typeImport("f", 0x01, 2))),
		)},
		{"two imports of one type", "import a: interface {\n    record r {\n      x: u32,\n    }\n  }\n\n  import b: interface {\n    record r {", component(
			typeSection(instanceType(declareType(record), declareExport("r", 0x03, 0x00, 0x00))),
			section(10, list(typeImport("a", 0x05, 0), typeImport("b", 0x05, 0))),
		)},
		{"an import that WIT does not know", `// import "unlocked-dep=<a:b>": WIT has no word for it`, component(
			typeSection(cat([]byte{0x41}, list())), section(10, list(typeImport("unlocked-dep=<a:b>", 0x04, 0))),
		)},
		{"an instance in an interface", `// "inner": WIT has no word for it`, component(
			typeSection(instanceType(declareType(instanceType()), declareExport("inner", 0x05, 0x00))), section(10, list(typeImport("a", 0x05, 0))),
		)},
		{"a module", "! a core module has no world", module()},
		{"a record without a name", "! without a name", component(
			typeSection(record, functionType(cat(str("a"), []byte{0}))), section(10, list(typeImport("f", 0x01, 1))),
		)},
		{"a parameter that could be anything", `! there is no name "a) import b" in WIT`, component(
			typeSection(functionType(cat(str("a) import b"), []byte{u32}))), section(10, list(typeImport("f", 0x01, 0))),
		)},
		{"a method of nothing", `! functions of "gone"`, component(
			typeSection(instanceType(declareType(functionType()), declareExport("[method]gone.f", 0x01, 0x00))), section(10, list(typeImport("a", 0x05, 0))),
		)},
		{"a method without a parameter", "! no parameter for its resource", component(
			typeSection(instanceType(declareExport("r", 0x03, 0x01), declareType(functionType()), declareExport("[method]r.f", 0x01, 0x01))),
			section(10, list(typeImport("a", 0x05, 0))),
		)},
		{"a type of a later one", "! speaks of type 3, and there are 0", component(typeSection([]byte{0x70, 3}))},
		{"a function that is a record", "! type 0 is not that of a function", component(typeSection(record), section(10, list(typeImport("f", 0x01, 0))))},
		{"an unknown type", "! the unknown kind 0x6c", component(typeSection([]byte{0x6c}))},
		{"an alias of what is not there", "! exports no \"x\"", component(
			typeSection(instanceType()), section(10, list(typeImport("a", 0x05, 0))), section(6, list(cat([]byte{0x03, 0x00, 0x00}, str("x")))),
		)},
		{"an alias of outside", "! outside the file", component(section(6, list([]byte{0x03, 0x02, 0x05, 0x00})))},
		{"named results", "! older format", component(typeSection([]byte{0x40, 0, 1, 1}))},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, err := wit(c.file)
			if says, fails := strings.CutPrefix(c.want, "! "); fails {
				if err == nil || !strings.Contains(err.Error(), says) {
					t.Errorf("error %v, and not %q; the world is %s", err, says, got)
				}
			} else if err != nil || !strings.Contains(got, c.want) {
				t.Errorf("there is no %q in (%v)\n%s", c.want, err, got)
			}
		})
	}
}

func wit(file []byte) (string, error) {
	return wasm.WIT(bytes.NewReader(file), int64(len(file)), "w")
}

// TestWITIsBounded: given types that are made to cost much, they cost a bounded
// amount of memory, and the error says what there is too much of.
func TestWITIsBounded(t *testing.T) {
	u8 := byte(0x7d)
	named := func(name string, of int) []byte { return typeImport(name, cat([]byte{0x03, 0x00}, uint32LEB(of))...) }
	doubled := [][]byte{{0x6f, 2, u8, u8}}
	deep := [][]byte{{0x70, u8}}
	for i := range 2000 {
		if i < 60 {
			doubled = append(doubled, cat([]byte{0x6f, 2}, uint32LEB(i), uint32LEB(i)))
		}
		deep = append(deep, cat([]byte{0x70}, uint32LEB(i)))
	}
	nestedType := instanceType()
	for range 100 {
		nestedType = instanceType(declareType(nestedType))
	}
	// Each component has two instances of the one before, with types of their own.
	twice := component(section(10, list(typeImport("t", 0x03, 0x01))), section(11, list(cat([]byte{0x00}, str("t"), []byte{0x03, 0x00, 0x00}))))
	for range 40 {
		twice = component(
			section(10, list(typeImport("t", 0x03, 0x01))), section(4, twice),
			section(5, list(cat([]byte{0x00, 0x00}, list(cat(str("t"), []byte{0x03, 0x00}))), cat([]byte{0x00, 0x00}, list(cat(str("t"), []byte{0x03, 0x00}))))),
			section(11, list(cat([]byte{0x00}, str("a"), []byte{0x05, 0x00, 0x00}), cat([]byte{0x00}, str("b"), []byte{0x05, 0x01, 0x00}))),
		)
	}
	million := make([][]byte, 1_000_000)
	for i := range million {
		million[i] = []byte{0x70, u8}
	}
	longTuple := cat([]byte{0x6f}, list(slices.Repeat([][]byte{{u8}}, 10_000)...))
	functions := make([][]byte, 2000)
	for i := range functions {
		functions[i] = typeImport("f-"+strings.Repeat("a", i+1), 0x01, 1)
	}
	longEnum := cat([]byte{0x6d}, list(slices.Repeat([][]byte{str(strings.Repeat("a", 4000))}, 1000)...))
	interfaces := make([][]byte, 2000)
	for i := range interfaces {
		interfaces[i] = typeImport(fmt.Sprintf("a:b/c%d", i), 0x05, 0)
	}
	cases := []struct {
		name, says string
		file       []byte
	}{
		{"a tuple of 2^60 parts", "too long to write it out", component(typeSection(doubled...), section(10, list(named("t", 60))))},
		{"a list of lists of lists", "nested deeper than 1000", component(typeSection(deep...))},
		{"types of instances in each other", "nested deeper than 64", component(typeSection(nestedType))},
		{"2^40 instances", "more than 200000 types", twice},
		{"a million types", "more than 200000 types", component(typeSection(million...))},
		{"a million aliases", "more than 200000 types", component(
			typeSection([]byte{0x70, u8}), section(6, list(slices.Repeat([][]byte{{0x03, 0x02, 0x00, 0x00}}, 1_000_000)...)),
		)},
		{"a million parts of a tuple", "more than 200000 types", component(typeSection(cat([]byte{0x6f}, list(slices.Repeat([][]byte{{u8}}, 1_000_000)...))))},
		{"a million labels", "more than 100000 imports", component(typeSection(cat([]byte{0x6d}, list(slices.Repeat([][]byte{str("a")}, 1_000_000)...))))},
		{"4 billion claimed fields", "cannot hold", component(typeSection(cat([]byte{0x72}, max32)))},
		{"2,000 functions of long parameters", "more than 4194304 bytes", component(
			typeSection(longTuple, functionType(cat(str("a"), []byte{0}))), section(10, list(functions...)),
		)},
		{"a function of 20,000 long parameters", "more than 4194304 bytes", component(
			typeSection(longTuple, functionType(slices.Repeat([][]byte{cat(str("a"), []byte{0})}, 20_000)...)), section(10, list(typeImport("f", 0x01, 1))),
		)},
		{"2,000 constructors of long parameters", "more than 4194304 bytes", component(
			typeSection(longTuple, instanceType(slices.Concat(
				[][]byte{declareExport("r", 0x03, 0x01), {0x02, 0x03, 0x02, 0x01, 0x00}, declareType(functionType(cat(str("a"), []byte{1})))},
				slices.Repeat([][]byte{declareExport("[constructor]r", 0x01, 0x02)}, 2000),
			)...)), section(10, list(typeImport("a", 0x05, 1))),
		)},
		{"2,000 interfaces of a long type", "more than 4194304 bytes", component(
			typeSection(instanceType(declareType(longEnum), declareExport("e", 0x03, 0x00, 0x00))), section(10, list(interfaces...)),
		)},
		{"2,000 interfaces of a long type inside the world", "more than 4194304 bytes", component(
			typeSection(instanceType(declareType(longEnum), declareExport("e", 0x03, 0x00, 0x00))),
			section(10, list(slices.Repeat([][]byte{typeImport("i", 0x05, 0)}, 2000)...)),
		)},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			source := &counted{source: bytes.NewReader(c.file)}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := wasm.WIT(source, int64(len(c.file)), "w")
			runtime.ReadMemStats(&after)
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("error %v, and not %q", err, c.says)
			}
			if allocated := after.TotalAlloc - before.TotalAlloc; allocated > 2*maxAllocated {
				t.Errorf("%d bytes allocated for a file of %d", allocated, len(c.file))
			}
			if source.again {
				t.Error("the file is read twice")
			}
		})
	}
}

// TestWITOfDamagedFiles: given a real component that is cut off or has one byte
// changed, it has a world or there is an error with a place in it.
func TestWITOfDamagedFiles(t *testing.T) {
	for path, content := range realFiles(t) {
		between := sectionEnds(content)
		for n := range content {
			if _, err := wit(content[:n]); err == nil && !slices.Contains(between, n) {
				t.Errorf("%s cut at %d of %d has a world", path, n, len(content))
			}
		}
		step := 1 + len(content)/1000
		for i := 0; i < len(content); i += step {
			for _, change := range []byte{0x01, 0x80, 0xff} {
				content[i] ^= change
				_, _ = wit(content) // a name may have become another
				content[i] ^= change
			}
		}
	}
}

// FuzzWIT: whatever a file holds, it is read at most once, and has a world of
// bounded size or an error.
func FuzzWIT(f *testing.F) {
	for _, file := range [][]byte{module(), component(), calc, cli} {
		f.Add(file)
	}
	for _, file := range realFiles(f) {
		f.Add(file)
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		source := &counted{source: bytes.NewReader(file)}
		text, err := wasm.WIT(source, int64(len(file)), "w")
		if source.again {
			t.Fatal("the file is read twice")
		}
		var formatError *wasm.FormatError
		if errors.As(err, &formatError) && (formatError.Offset < 0 || formatError.Offset > int64(len(file))) {
			t.Fatalf("offset %d in %d bytes", formatError.Offset, len(file))
		}
		if err == nil && !strings.HasPrefix(text, "package root:component;\n") {
			t.Fatalf("the world is %q", text)
		}
	})
}
