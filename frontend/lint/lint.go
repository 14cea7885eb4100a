// Package lint checks what BuildKit's linter cannot know of: what the
// instructions of a Wasmfile mean for an artifact, and whether its components
// fit together and can be started. The rules are the table in rules.go; each
// has a page in docs/rules, and a case in testdata that it finds and one that
// it does not.
package lint

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/parser"

	"github.com/wasmfile/wasmfile/frontend/assemble"
	"github.com/wasmfile/wasmfile/frontend/wasmfile"
	"github.com/wasmfile/wasmfile/pkg/artifact"
)

// pages is where the rules' pages are.
const pages = "https://github.com/wasmfile/wasmfile/blob/main/docs/rules/"

// rule is one check. It looks at the instructions, or at the components when
// they are known, or at both; a function that it does not have is nil.
type rule struct {
	name, page, description string
	instructions            func(*wasmfile.File, wasmfile.Form) []finding
	components              func(*components) []finding
}

// finding is one place where a rule is broken.
type finding struct {
	message  string
	location []parser.Range
	// comments are those of the instruction, which may skip the rule.
	comments []string
}

// Instructions checks what the Wasmfile of a target says, without its
// components; a target without COMPONENT has nothing to check. The linter decides
// what is reported.
func Instructions(l *linter.Linter, file *wasmfile.File, form wasmfile.Form) {
	if len(file.Components) == 0 {
		return
	}
	for _, r := range rules {
		if r.instructions != nil {
			r.report(l, r.instructions(file, form))
		}
	}
}

// Components checks what was read of the components of a target, of which an
// artifact of a form is made; the empty one is FormOCI. The linter decides what is
// reported.
func Components(l *linter.Linter, file *wasmfile.File, reports []assemble.ComponentReport, form artifact.Form) {
	facts := relate(file, reports)
	facts.isLibrary = form == artifact.FormCNCF
	for _, r := range rules {
		if r.components != nil {
			r.report(l, r.components(facts))
		}
	}
}

// report reports the first findings in the order of their lines, and of the
// others how many there are: a wildcard can match thousands of components.
func (r *rule) report(l *linter.Linter, findings []finding) {
	slices.SortStableFunc(findings, func(a, b finding) int { return cmp.Compare(line(a.location), line(b.location)) })
	rule := &linter.LinterRule[struct{}]{Name: r.name, Description: r.description, URL: pages + r.page}
	count := 0 // without those that a comment skips
	var first []parser.Range
	limited := *l
	limited.Warn = func(name, description, url, message string, location []parser.Range) {
		switch count++; {
		case count <= wasmfile.MaxEnumerated:
			l.Warn(name, description, url, message, location)
		case count == wasmfile.MaxEnumerated+1:
			first = location
		}
	}
	for _, f := range findings {
		limited.WithMergedConfigFromComments(f.comments).Run(rule, f.location, f.message)
	}
	if more := count - wasmfile.MaxEnumerated; more > 0 {
		l.Run(rule, first, fmt.Sprintf("%d more like this, the first of them here", more))
	}
}

func line(location []parser.Range) int {
	if len(location) == 0 {
		return 0
	}
	return location[0].Start.Line
}
