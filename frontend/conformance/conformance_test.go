package conformance_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"

	dockerfilefrontend "github.com/moby/buildkit/frontend/dockerfile/builder"
	"github.com/moby/buildkit/frontend/subrequests"
	"github.com/moby/buildkit/frontend/subrequests/lint"
	"github.com/moby/buildkit/frontend/subrequests/outline"
	"github.com/moby/buildkit/frontend/subrequests/targets"

	"github.com/wasmfile/wasmfile/frontend/gateway"
	"github.com/wasmfile/wasmfile/frontend/wasmfile"
)

var update = flag.Bool("update", false, "rewrite docs/conformance.md")

// document is where the results are written down.
var document = filepath.Join("..", "..", "docs", "conformance.md")

// requests are what is asked of both frontends for each Dockerfile. To some of
// them BuildKit's frontend answers errors without lines.
var requests = []struct {
	name         string
	opts         map[string]string
	withoutLines bool
}{
	{"build", nil, false},
	{"build for two platforms", map[string]string{"platform": "linux/amd64,linux/arm64"}, false},
	{
		"build of stage `build`, with build arguments",
		map[string]string{"target": "build", "build-arg:FOO": "foo", "build-arg:TARGETOS": "windows"},
		false,
	},
	{"`--check`", subrequest(lint.SubrequestLintDefinition), false},
	{"`--call=outline`", subrequest(outline.SubrequestsOutlineDefinition), true},
	{"`--call=targets`", subrequest(targets.SubrequestsTargetsDefinition), true},
}

func subrequest(definition subrequests.Request) map[string]string {
	return map[string]string{"requestid": definition.Name}
}

// TestConformance: given a Dockerfile, this frontend asks the builder for what
// BuildKit's own asks for, or fails with the same error at the same lines.
// Given the same with a COMPONENT, it asks for the same and the component.
func TestConformance(t *testing.T) {
	results := report{buildkit: buildkit(t, "{{.Version}}")}
	for _, s := range suites(t) {
		row := row{suite: s.name}
		for _, c := range s.cases {
			testRewrite(t, c)
			for i, r := range requests {
				row.requests[i].count(compare(t, c, r.opts, r.withoutLines))
			}
			row.artifacts.count(compareArtifact(t, c))
		}
		results.rows = append(results.rows, row)
	}
	got := results.markdown()
	if *update {
		if err := os.WriteFile(document, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is out of date; rewrite it with -update. It should be:\n%s", document, got)
	}
}

// testRewrite: a Dockerfile is left as it is, byte for byte.
func testRewrite(t *testing.T, c dockerfile) {
	t.Helper()
	f, err := wasmfile.Parse(c.text, wasmfile.Options{})
	if err != nil {
		return // the same error as BuildKit's, which compare sees
	}
	for _, form := range []wasmfile.Form{wasmfile.Artifact, wasmfile.Image, wasmfile.Check} {
		rendered, err := f.Dockerfile(form)
		if err != nil || !bytes.Equal(rendered, c.text) {
			t.Errorf("%s: rendered as\n%s\n(%v)", c.name, rendered, err)
		}
	}
}

// attempts is how often both are asked before they count as different: which
// of several errors BuildKit reports, which of several near words it suggests
// and in which order it lists what is on one line is random.
const attempts = 50

// compare asks both frontends the same.
func compare(t *testing.T, c dockerfile, opts map[string]string, withoutLines bool) verdict {
	t.Helper()
	wanted, given := make(map[string]bool), make(map[string]bool)
	var want, got outcome
	for range attempts {
		want = request(t, dockerfilefrontend.Build, c.text, opts)
		got = request(t, gateway.New(gateway.Options{}).Build, c.text, opts)
		if want.crash != nil && got.crash == nil && got.err == nil {
			return better
		}
		wanted[want.text(withoutLines)], given[got.text(withoutLines)] = true, true
		if !wanted[got.text(withoutLines)] && !given[want.text(withoutLines)] {
			continue
		}
		if got.err != nil {
			return sameError
		}
		return same
	}
	t.Errorf("%s %v:\n%s\nDockerfile frontend:\n%s\nthis frontend:\n%s", c.name, opts, c.text, want.text(withoutLines), got.text(withoutLines))
	return differs
}
