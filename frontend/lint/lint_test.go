package lint

import (
	"bytes"
	"cmp"
	"flag"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	sublint "github.com/moby/buildkit/frontend/subrequests/lint"

	"github.com/wasmfile/wasmfile/frontend/assemble"
	"github.com/wasmfile/wasmfile/frontend/wasmfile"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// reports reads the files that the COMPONENTs of a case name, as the assembly
// does.
func reports(t *testing.T, file *wasmfile.File) []assemble.ComponentReport {
	t.Helper()
	var all []assemble.ComponentReport
	for i, c := range file.Components {
		name := ""
		for _, word := range strings.Fields(c.Text)[1:] {
			if given, ok := strings.CutPrefix(word, "--name="); ok {
				name = given
				continue
			}
			report, err := assemble.Describe(cmp.Or(name, word), filepath.Join("testdata", "components", word), i+1)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, report)
			name = ""
		}
	}
	return all
}

// check is what --check prints of the findings of this package.
func check(t *testing.T, text []byte, components func(*wasmfile.File) []assemble.ComponentReport, form wasmfile.Form) string {
	t.Helper()
	file, err := wasmfile.Parse(text, wasmfile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	options, _, _, _ := parser.ParseDirective("check", text)
	config, err := linter.ParseLintOptions(options)
	if err != nil {
		t.Fatal(err)
	}
	results := &sublint.LintResults{}
	index := results.AddSource(sourceMap(text))
	config.Warn = func(rule, description, url, message string, location []parser.Range) {
		results.AddWarning(rule, description, url, message, index, location)
	}
	l := linter.New(config)
	Instructions(l, file, form)
	Components(l, file, components(file), file.Form)
	var out bytes.Buffer
	if err := results.PrintTo(&out, nil); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func sourceMap(text []byte) *llb.SourceMap {
	state := llb.Scratch()
	source := llb.NewSourceMap(&state, "Wasmfile", "Wasmfile", text)
	source.Definition = &llb.Definition{}
	return source
}

// TestCases: given the failing case of a rule, what --check prints; given the
// passing one, nothing.
func TestCases(t *testing.T) {
	for _, r := range rules {
		t.Run(r.name, func(t *testing.T) {
			read := func(file *wasmfile.File) []assemble.ComponentReport { return reports(t, file) }
			failing := filepath.Join("testdata", r.name, "fail")
			got := check(t, readFile(t, filepath.Join(failing, "Wasmfile")), read, wasmfile.Artifact)
			if *update {
				if err := os.WriteFile(filepath.Join(failing, "check.txt"), []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if want := string(readFile(t, filepath.Join(failing, "check.txt"))); got != want {
				t.Errorf("got:\n%s\nwant:\n%s", got, want)
			}
			if !strings.Contains(got, "WARNING: "+r.name+" - ") || strings.Count(got, "WARNING: ") != strings.Count(got, "WARNING: "+r.name) {
				t.Errorf("the failing case is not one of this rule alone:\n%s", got)
			}
			if got := check(t, readFile(t, filepath.Join("testdata", r.name, "pass", "Wasmfile")), read, wasmfile.Artifact); got != "" {
				t.Errorf("the passing case fails:\n%s", got)
			}
		})
	}
}

// TestPages: each rule has a page, to which its URL leads, with the rule's
// description and its two cases, and a line in the index.
func TestPages(t *testing.T) {
	dir := filepath.Join("..", "..", "docs", "rules")
	index := string(readFile(t, filepath.Join(dir, "README.md")))
	for _, r := range rules {
		page := string(readFile(t, filepath.Join(dir, r.page)))
		for _, want := range []string{
			"# " + r.name + "\n", r.description,
			"```Dockerfile\n" + string(readFile(t, filepath.Join("testdata", r.name, "fail", "Wasmfile"))) + "```",
			"```Dockerfile\n" + string(readFile(t, filepath.Join("testdata", r.name, "pass", "Wasmfile"))) + "```",
		} {
			if !strings.Contains(page, want) {
				t.Errorf("%s does not have\n%s", r.page, want)
			}
		}
		if link := "[" + r.name + "](" + r.page + ")"; !strings.Contains(index, link) {
			t.Errorf("the index does not have %s", link)
		}
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.md"))
	if err != nil || len(files) != len(rules)+1 {
		t.Errorf("%d pages for %d rules and the index (%v)", len(files), len(rules), err)
	}
	if !strings.HasSuffix(pages, "/"+path.Join("docs", "rules")+"/") {
		t.Errorf("%s is not where the pages are", pages)
	}
}

func readFile(t *testing.T, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return content
}
