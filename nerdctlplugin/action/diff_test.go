package action

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// TestDiff: given two artifacts, each layer of both is in the list once, with
// what happened to it.
func TestDiff(t *testing.T) {
	for name, c := range map[string]struct{ from, to, want []string }{
		"the same":         {[]string{"a", "b"}, []string{"b", "a"}, []string{"same a +0", "same b +0"}},
		"changed":          {[]string{"a=old"}, []string{"a=newer"}, []string{"changed a +2"}},
		"added":            {[]string{"a"}, []string{"a", "b=four"}, []string{"same a +0", "added b +4"}},
		"removed":          {[]string{"a", "b=four"}, []string{"a"}, []string{"same a +0", "removed b -4"}},
		"renamed":          {[]string{"a=x"}, []string{"b=x"}, []string{"renamed a -> b +0"}},
		"copied":           {[]string{"a=x"}, []string{"a=x", "b=x"}, []string{"same a +0", "added b +1"}},
		"swapped":          {[]string{"a=x", "b=y"}, []string{"a=y", "b=x"}, []string{"changed a +0", "changed b +0"}},
		"one of two twins": {[]string{"a=x", "b=x"}, []string{"c=x"}, []string{"renamed a -> c +0", "removed b -1"}},
	} {
		var got []string
		for _, d := range diff(made(c.from...), made(c.to...)) {
			if d.Name != "(config)" {
				got = append(got, fmt.Sprintf("%s %s %+d", d.Change, d.Name, d.Bytes))
			}
		}
		if strings.Join(got, ", ") != strings.Join(c.want, ", ") {
			t.Errorf("%s: %q, not %q", name, got, c.want)
		}
	}
}

// TestWIT: given components, their worlds follow each other below their names,
// and a core module is said to have none.
func TestWIT(t *testing.T) {
	var out bytes.Buffer
	err := writeWIT(&out, &Inspected{Components: []InspectedComponent{
		{Name: "a\x1b.wasm", wit: "world a {\n}\n"},
		{Name: "core.wasm"},
	}})
	want := "// \"a\\x1b.wasm\", \nworld a {\n}\n\n// core.wasm, \n// a core module: it has no world\n"
	if err != nil || out.String() != want {
		t.Errorf("%v\n%s", err, out.String())
	}
	for component, want := range map[string]string{"My App.wasm": "my-app", "1.wasm": "component-1", "_.wasm": "file"} {
		if got := worldName(component); got != want {
			t.Errorf("the world of %s is %s, not %s", component, got, want)
		}
	}
}

// TestListing: given -q, --format or neither, entries are shown accordingly.
func TestListing(t *testing.T) {
	entries := []entry{{id: "1", value: map[string]string{"Name": "a"}, fields: []string{"1", "a\x1b"}}}
	for _, c := range []struct {
		listing listing
		want    string
		fails   bool
	}{
		{listing{columns: []string{"ID", "NAME"}}, "ID    NAME\n1     \"a\\x1b\"\n", false},
		{listing{quiet: true}, "1\n", false},
		{listing{format: "{{.Name}}!"}, "a!\n", false},
		{listing{format: "json"}, "{\"Name\":\"a\"}\n", false},
		{listing{format: "json", quiet: true}, "", true},
	} {
		var out bytes.Buffer
		c.listing.out = &out
		if err := c.listing.write(entries); (err != nil) != c.fails || out.String() != c.want {
			t.Errorf("%q, %v; it has to be %q", out.String(), err, c.want)
		}
	}
}
