package wasm_test

import (
	"slices"
	"testing"
)

// export is an export of a sort and index.
func export(name string, sort, index byte) []byte {
	return cat([]byte{0x00}, str(name), []byte{sort, index, 0x00})
}

// inline is an item of an instance that is made of what is at hand.
func inline(name string, sort, index byte) []byte {
	return cat([]byte{0x00}, str(name), []byte{sort, index})
}

var (
	// adder exports one function; calc exports an instance of it and a
	// function of its own.
	adder = component(section(11, list(export("add", 0x01, 0))))
	calc  = component(
		section(4, adder),
		section(5, list(cat([]byte{0x00, 0x00}, list(cat(str("import-add"), []byte{0x01, 0x00}))))),
		section(11, list(export("docs:adder/add@0.1.0", 0x05, 0), export("top", 0x01, 0))),
	)
)

func TestFunctions(t *testing.T) {
	cases := []struct {
		name  string
		file  []byte
		want  []string
		found map[string]int
		all   bool
	}{
		{"of a module", command, []string{"_start"}, map[string]int{"_start": 1, "memory": 0}, true},
		{
			"of a component and of an instance that it exports", calc,
			[]string{"docs:adder/add@0.1.0#add", "top"},
			map[string]int{"add": 1, "top": 1, "nope": 0, "docs:adder/add@0.1.0#add": 0},
			true,
		},
		{
			"of an instance that a nested component exports, by alias",
			component(
				section(4, calc),
				section(5, list([]byte{0x00, 0x00, 0x00})),
				section(6, list(cat([]byte{0x05, 0x00, 0x00}, str("docs:adder/add@0.1.0")))),
				section(11, list(export("again", 0x05, 1))),
			),
			[]string{"again#add"},
			map[string]int{"add": 1},
			true,
		},
		{
			"of an instance made of what is at hand, exported twice",
			component(
				section(5, list(cat([]byte{0x01}, list(inline("f", 0x01, 0), inline("t", 0x03, 0))))),
				section(11, list(export("a", 0x05, 0), export("b", 0x05, 1))), // an export is an index too
			),
			[]string{"a#f", "b#f"},
			map[string]int{"f": 2},
			true,
		},
		{
			"of a component of the enclosing one",
			component(
				section(4, adder),
				section(4, component(
					section(6, list([]byte{0x04, 0x02, 0x01, 0x00})),
					section(5, list([]byte{0x00, 0x00, 0x00})),
					section(11, list(export("in", 0x05, 0))),
				)),
				section(5, list([]byte{0x00, 0x01, 0x00})),
				section(11, list(export("out", 0x05, 0))),
			),
			[]string{"out#in#add"},
			map[string]int{"add": 1},
			true,
		},
		{
			"of an imported instance, which are not known",
			component(section(10, list(instanceImport("a:b/c"))), section(11, list(export("c", 0x05, 0)))),
			nil,
			map[string]int{"f": 0},
			false,
		},
		{
			"after a definition of a form to come",
			component(section(5, list([]byte{0x07}, []byte{0x00})), section(11, list(export("f", 0x01, 0)))),
			[]string{"f"},
			map[string]int{"f": 1},
			false,
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			info, err := parse(c.file)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(info.Functions, c.want) {
				t.Errorf("functions %q, not %q", info.Functions, c.want)
			}
			for name, n := range c.found {
				found, all := info.FunctionsNamed(name)
				if len(found) != n || all != c.all {
					t.Errorf("%q is %q, all known: %t", name, found, all)
				}
			}
		})
	}
}

// TestFunctionsAreBounded: given instances that each export the one before
// twice, the functions, of which there are 2^64, are not all listed.
func TestFunctionsAreBounded(t *testing.T) {
	instances := [][]byte{cat([]byte{0x01}, list(inline("f", 0x01, 0)))}
	for i := range byte(60) {
		instances = append(instances, cat([]byte{0x01}, list(inline("a", 0x05, i), inline("b", 0x05, i))))
	}
	info, err := parse(component(section(5, list(instances...)), section(11, list(export("x", 0x05, 60)))))
	if err != nil {
		t.Fatal(err)
	}
	if _, all := info.FunctionsNamed("g"); all || len(info.Functions) > 1_000_000 {
		t.Errorf("%d functions, all known: %t", len(info.Functions), all)
	}
	many := component(section(5, list(slices.Repeat([][]byte{{0x01, 0x00}}, 100_001)...)), section(11, list(export("x", 0x05, 0))))
	info, err = parse(many)
	if err != nil {
		t.Fatal(err)
	}
	if _, all := info.FunctionsNamed("f"); all {
		t.Error("the functions of 100,001 instances are all known")
	}
}

// TestExampleFunction: given exports of which some are for the host, cannot be
// called by their name, or are not functions, one that a person would call.
func TestExampleFunction(t *testing.T) {
	instance := func(items ...[]byte) []byte { return section(5, list(cat([]byte{0x01}, list(items...)))) }
	moduleExports := func(kinds map[string]byte) []byte {
		var exports [][]byte
		for name, kind := range kinds {
			exports = append(exports, cat(str(name), []byte{kind, 0}))
		}
		return module(section(7, list(exports...)))
	}
	cases := []struct {
		name, want string
		file       []byte
	}{
		{"a library of C", "add", moduleExports(map[string]byte{"__data_end": 3, "_initialize": 0, "add": 0, "memory": 2})},
		{"a module with nothing to call", "", moduleExports(map[string]byte{"_initialize": 0, "data": 3})},
		{"an interface", "f", component(instance(inline("f", 0x01, 0)), section(11, list(export("a:b/c@1.0.0", 0x05, 0))))},
		{"methods", "", component(instance(inline("[method]r.f", 0x01, 0)), section(11, list(export("a:b/c@1.0.0", 0x05, 0))))},
		{"two of one name, and another", "g", component(
			instance(inline("f", 0x01, 0), inline("g", 0x01, 0)), instance(inline("f", 0x01, 0)),
			section(11, list(export("a", 0x05, 0), export("b", 0x05, 1))),
		)},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			info, err := parse(c.file)
			if err != nil {
				t.Fatal(err)
			}
			if got := info.ExampleFunction(); got != c.want {
				t.Errorf("%q of %q, not %q", got, info.Functions, c.want)
			}
		})
	}
}
