package gateway

import (
	"slices"
	"testing"

	"github.com/moby/buildkit/frontend/dockerfile/linter"
)

// TestCheckOptions: given check options, they hold for all rules, and whether
// findings are errors is for the frontend to decide, not for BuildKit.
func TestCheckOptions(t *testing.T) {
	const artifact = "FROM scratch\nCOMPONENT a.wasm\n"
	cases := []struct {
		name, text string
		argument   *linter.Config
		fails      bool // findings do
		buildkit   bool // BuildKit's own findings do
		skips      []string
	}{
		{name: "none", text: artifact},
		{name: "a directive", text: "# check=skip=A,B;error=true\n" + artifact, fails: true, skips: []string{"A", "B"}},
		{name: "a build argument wins", text: "# check=skip=A;error=true\n" + artifact, argument: &linter.Config{SkipRules: []string{"C"}}, skips: []string{"C"}},
		{name: "errors by a build argument", text: artifact, argument: &linter.Config{ReturnAsError: true}, fails: true},
		{name: "a Dockerfile is left to BuildKit", text: "FROM scratch\n", argument: &linter.Config{ReturnAsError: true}, buildkit: true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			b := newBuild(t, c.text)
			b.ui.LinterConfig = c.argument
			if err := b.configureLint(); err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(b.lintConfig.SkipRules, c.skips) {
				t.Errorf("skips %q, not %q", b.lintConfig.SkipRules, c.skips)
			}
			if got := b.ui.LinterConfig != nil && b.ui.LinterConfig.ReturnAsError; got != c.buildkit {
				t.Errorf("BuildKit fails: %t", got)
			}
			if err := b.violations(); err != nil {
				t.Errorf("without findings: %v", err)
			}
			b.warned.first("Second", "x")
			b.warned.first("First", "y")
			b.warned.first("First", "z")
			if err := b.violations(); (err != nil) != c.fails || err != nil && err.Error() != "lint violation found for rules: First, Second" {
				t.Errorf("with findings: %v", err)
			}
		})
	}
	b := newBuild(t, "# check=nonsense\n"+artifact)
	if err := b.configureLint(); err == nil {
		t.Error("a wrong option is accepted")
	}
}

func TestCheckComments(t *testing.T) {
	const text = "# check=error=true\nFROM scratch\n  # Check = skip=all\n# checked\nRUN echo # check=x\n"
	const want = "#\nFROM scratch\n#\n# checked\nRUN echo # check=x\n"
	if got := withoutChecks([]byte(text)); string(got) != want {
		t.Errorf("got %q", got)
	}
}
