package wasmfile_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/moby/buildkit/frontend/dockerfile/parser"

	"github.com/wasmfile/wasmfile/frontend/wasmfile"
)

// TestWord: given a word and the lines of its instruction, the place of the
// word where it stands by itself.
func TestWord(t *testing.T) {
	const text = "FROM scratch\nCOMPONENT \\\n  # app.wasm is second\n  my-app.wasm --x=é app.wasm\nENTRYPOINT [\"app\", \"--app\"]\n"
	f, err := wasmfile.Parse([]byte(text), wasmfile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	lines := func(start, end int) []parser.Range {
		return []parser.Range{{Start: parser.Position{Line: start}, End: parser.Position{Line: end}}}
	}
	cases := []struct {
		location []parser.Range
		word     string
		want     string
	}{
		{lines(2, 4), "app.wasm", "4:20-4:28"}, // in characters, not bytes
		{lines(2, 4), "my-app.wasm", "4:2-4:13"},
		{lines(5, 5), "app", "5:13-5:16"},
		{lines(5, 5), "--app", "5:20-5:25"},
		{lines(2, 4), "COMPONENT", "2:0-2:9"},
		{lines(2, 4), "wasm", "2:0-4:0"}, // only part of a word
		{lines(2, 4), "", "2:0-4:0"},
		{lines(4, 0), "app.wasm", "4:20-4:28"}, // an end that is left out
		{lines(0, 99), "scratch", "1:5-1:12"},  // lines that are not there
	}
	for _, c := range cases {
		got := f.Word(c.location, c.word)
		if len(got) != 1 {
			t.Fatalf("%q: %v", c.word, got)
		}
		place := fmt.Sprintf("%d:%d-%d:%d", got[0].Start.Line, got[0].Start.Character, got[0].End.Line, got[0].End.Character)
		if place != c.want {
			t.Errorf("%q in %v is at %s, not %s", c.word, c.location, place, c.want)
		}
	}
}

// TestInstructions: given a target FROM another stage, the instructions of both
// in the order in which they take effect, without the COMPONENTs and what
// other stages have.
func TestInstructions(t *testing.T) {
	const text = `FROM scratch AS other
ENV NOT=this
FROM scratch AS base
ENV A=1
FROM base
# check=skip=One
ANNOTATION a=b "c"=d
# check=skip=Two
COMPONENT x.wasm
# check=skip=Three
ENTRYPOINT ["x"]
`
	f, err := wasmfile.Parse([]byte(text), wasmfile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, i := range f.Instructions {
		name := "ANNOTATION " + strings.Join(i.Keys, ",")
		if i.Command != nil {
			name = i.Command.Name()
		}
		got = append(got, fmt.Sprintf("%s line %d inherited %t %v", name, i.Location[0].Start.Line, i.Inherited, i.Comments))
	}
	want := []string{
		"ENV line 4 inherited true []",
		"ANNOTATION a,c line 7 inherited false [check=skip=One]",
		"entrypoint line 11 inherited false [check=skip=Three]",
	}
	if !slices.EqualFunc(got, want, strings.EqualFold) {
		t.Errorf("got %q\nwant %q", got, want)
	}
	if !slices.Equal(f.Components[0].Comments, []string{"check=skip=Two"}) || !slices.Equal(f.Process().Comments, []string{"check=skip=Three"}) {
		t.Errorf("comments of COMPONENT %q, of ENTRYPOINT %q", f.Components[0].Comments, f.Process().Comments)
	}
}
