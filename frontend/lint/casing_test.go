package lint

import (
	"fmt"
	"slices"
	"testing"

	"github.com/moby/buildkit/frontend/dockerfile/dockerfile2llb"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/parser"

	"github.com/wasmfile/wasmfile/frontend/wasmfile"
)

// TestCasing: given keywords in several cases, what BuildKit's linter finds in the rendering
// that has all instructions.
func TestCasing(t *testing.T) {
	const rule = "ConsistentInstructionCasing"
	cases := map[string]int{ // the number of findings
		"FROM scratch\nCOMPONENT a.wasm\nANNOTATION a=b\n":                               0,
		"from scratch\ncomponent a.wasm\nannotation a=b\n":                               0,
		"FROM scratch\ncomponent a.wasm\nannotation a=b\n":                               1,
		"FROM scratch\nComponent a.wasm\nLabel a=b\n":                                    2,
		"FROM scratch\ncomponent a.wasm\n":                                               1,
		"FROM scratch AS a\nenv A=b\nCOMPONENT a.wasm\nfrom scratch\ncomponent b.wasm\n": 2,
		"# check=skip=" + rule + "\nFROM scratch\ncomponent a.wasm\n":                    0,
	}
	for text, count := range cases {
		file, err := wasmfile.Parse([]byte(text), wasmfile.Options{})
		if err != nil {
			t.Fatal(err)
		}
		rendered, err := file.Dockerfile(wasmfile.Check)
		if err != nil {
			t.Fatal(err)
		}
		results, err := dockerfile2llb.DockerfileLint(t.Context(), rendered, dockerfile2llb.ConvertOpt{SourceMap: sourceMap(rendered)})
		if err != nil {
			t.Fatal(err)
		}
		var want, got []string
		for _, w := range results.Warnings {
			if line := int(w.Location.GetRanges()[0].GetStart().GetLine()); w.RuleName == rule {
				at := []parser.Range{{Start: parser.Position{Line: line}, End: parser.Position{Line: line}}}
				want = append(want, fmt.Sprintf("%d: %s", line, file.Message(w.Detail, at)))
			}
		}
		options, _, _, _ := parser.ParseDirective("check", []byte(text))
		config, err := linter.ParseLintOptions(options)
		if err != nil {
			t.Fatal(err)
		}
		config.Warn = func(_, _, _, message string, location []parser.Range) {
			got = append(got, fmt.Sprintf("%d: %s", location[0].Start.Line, message))
		}
		Casing(linter.New(config), file)
		if !slices.Equal(got, want) || len(got) != count {
			t.Errorf("%q:\n%q, and BuildKit\n%q", text, got, want)
		}
	}
}
