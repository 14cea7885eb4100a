package wasmfile_test

import (
	"errors"
	"testing"

	"github.com/moby/buildkit/frontend/dockerfile/parser"

	"github.com/wasmfile/wasmfile/frontend/wasmfile"
	"github.com/wasmfile/wasmfile/pkg/artifact"
)

func TestFormDirective(t *testing.T) {
	const stage = "FROM scratch\nCOMPONENT a.wasm\n"
	cases := []struct {
		name, text string
		want       artifact.Form
		line       int // of the error
	}{
		{"none", stage, "", 0},
		{"oci", "# form=oci\n" + stage, artifact.FormOCI, 0},
		{"spaces and case, like other directives", "#  FORM = cncf \r\n" + stage, artifact.FormCNCF, 0},
		{"below others", "# syntax=x\n# escape=\\\n# form=cncf\n" + stage, artifact.FormCNCF, 0},
		{"before others", "# form=cncf\n# check=skip=all\n" + stage, artifact.FormCNCF, 0},
		{"below a byte order mark", "\xef\xbb\xbf# form=cncf\n" + stage, artifact.FormCNCF, 0},
		{"below an interpreter", "#!/usr/bin/env build\n# form=cncf\n" + stage, artifact.FormCNCF, 0},
		{"below a comment it is one", "# a comment\n# form=cncf\n" + stage, "", 0},
		{"below an empty line it is a comment", "\n# form=cncf\n" + stage, "", 0},
		{"without value it is a comment", "# form=\n" + stage, "", 0},
		{"below an unknown directive it is a comment", "# x=y\n# form=cncf\n" + stage, "", 0},
		{"in a Dockerfile it is a comment", "# form=anything\n# form=twice\nFROM scratch\n", "", 0},
		{"one that is read only", "# form=bare\n" + stage, "", 1},
		{"an unknown one", "# syntax=x\n# form=CNCF\n" + stage, "", 2},
		{"another one", "# form=oci\n# syntax=x\n# form=cncf\n" + stage, "", 3},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			f, err := wasmfile.Parse([]byte(c.text), wasmfile.Options{})
			if c.line != 0 {
				var located *parser.LocationError
				if !errors.As(err, &located) || located.Locations[0][0].Start.Line != c.line {
					t.Errorf("not an error at line %d: %v", c.line, err)
				}
				return
			}
			if err != nil || f.Form != c.want {
				t.Errorf("form %q, not %q (%v)", f.Form, c.want, err)
			}
		})
	}
}

// TestFormDirectiveHidesNoOther: given a form above them, BuildKit's parser
// still sees its own directives in what is rendered, and the user's text stays.
func TestFormDirectiveHidesNoOther(t *testing.T) {
	const text = "# form=cncf\n# check=skip=all\n# escape=`\nFROM scratch\nCOMPONENT `\n  a.wasm\n"
	f, err := wasmfile.Parse([]byte(text), wasmfile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	rendered, err := f.Dockerfile(wasmfile.Artifact)
	if err != nil {
		t.Fatal(err)
	}
	for directive, want := range map[string]string{"check": "skip=all", "escape": "`"} {
		if _, got, _, _ := parser.ParseDirective(directive, rendered); got != want {
			t.Errorf("%s is %q, not %q, in\n%s", directive, got, want, rendered)
		}
	}
	if string(f.Text()) != text {
		t.Errorf("the user's text is\n%s", f.Text())
	}
}
