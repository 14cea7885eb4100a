package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// lintCases is where the rules of the frontend have their cases.
var lintCases = filepath.Join("..", "..", "frontend", "lint", "testdata")

// lintRules are the names of the rules that have cases.
func lintRules(t *testing.T) []string {
	t.Helper()
	dirs, err := filepath.Glob(filepath.Join(lintCases, "*", "fail"))
	if err != nil || len(dirs) == 0 {
		t.Fatalf("no cases in %s (%v)", lintCases, err)
	}
	var names []string
	for _, dir := range dirs {
		names = append(names, filepath.Base(filepath.Dir(dir)))
	}
	return names
}

// lintCase is a `docker buildx build` of a rule's case. It runs in the case's
// directory, so that the Wasmfile is called just that.
func lintCase(t *testing.T, builder, rule, outcome string, flags ...string) command {
	t.Helper()
	dir, err := filepath.Abs(filepath.Join(lintCases, rule, outcome))
	if err != nil {
		t.Fatal(err)
	}
	args := build{builder: builder, dir: filepath.Join("..", "..", "components"), flags: append([]string{"-f", "Wasmfile"}, flags...)}.args()
	return command{args: args, dir: dir}
}

// checked is what --check prints of findings.
func checked(findings string) string {
	switch count := strings.Count(findings, "\nWARNING: "); count {
	case 0:
		return "Check complete, no warnings found.\n"
	case 1:
		return "Check complete, 1 warning has been found!\n" + findings
	default:
		return fmt.Sprintf("Check complete, %d warnings have been found!\n%s", count, findings)
	}
}

// goldenFindings is what the failing case of a rule finds.
func goldenFindings(t *testing.T, rule string) string {
	t.Helper()
	return readFile(t, filepath.Join(lintCases, rule, "fail", "check.txt"))
}

// TestCheck: given the failing case of each rule, --check prints its findings
// at their lines and fails; given the passing one, it finds nothing.
func TestCheck(t *testing.T) {
	for _, rule := range lintRules(t) {
		t.Run(rule, func(t *testing.T) {
			t.Parallel()
			r := lintCase(t, buildkitBuilder(), rule, "fail", "--check").run(t)
			if want := checked(goldenFindings(t, rule)); r.stdout != want || r.code != 1 {
				t.Errorf("exit code %d\n%s\nwant:\n%s\n%s", r.code, r.stdout, want, r.stderr)
			}
			r = lintCase(t, buildkitBuilder(), rule, "pass", "--check").run(t)
			if r.stdout != checked("") || r.code != 0 {
				t.Errorf("the passing case: exit code %d\n%s", r.code, r.all())
			}
		})
	}
}

// finding takes the rule, the message and the line from what --check prints.
var finding = regexp.MustCompile(`(?m)^WARNING: (\S+) - .*\n(.*)\n\S*Wasmfile:(\d+)$`)

// TestBuildWarns: given the failing case of each rule, a build prints the
// findings of --check with their lines, once each, and makes the artifact.
func TestBuildWarns(t *testing.T) {
	for i, rule := range lintRules(t) {
		builder := []string{buildkitBuilder(), dockerBuilder}[i%2]
		t.Run(rule+" "+builder, func(t *testing.T) {
			t.Parallel()
			dest := filepath.Join(t.TempDir(), "artifact.tar")
			r := lintCase(t, builder, rule, "fail", "-o", "type=tar,dest="+dest).run(t)
			if _, err := os.Stat(dest); err != nil || r.code != 0 {
				t.Fatalf("exit code %d, %v\n%s", r.code, err, r.all())
			}
			findings := finding.FindAllStringSubmatch(goldenFindings(t, rule), -1)
			if len(findings) == 0 {
				t.Fatal("the golden file has no finding")
			}
			for _, f := range findings {
				line := fmt.Sprintf(" - %s: %s (line %s)\n", f[1], f[2], f[3])
				if strings.Count(r.stderr, line) != 1 {
					t.Errorf("not said once: %s%s", line, r.stderr)
				}
			}
			if warned := strings.Count(r.stderr, "\n - ") + strings.Count(r.stderr, "m - "); warned != len(findings) {
				t.Errorf("%d warnings, want %d:\n%s", warned, len(findings), r.stderr)
			}
		})
	}
}

// TestBuildWarnsOfCasing: given keywords in several cases, a build warns of those that
// --check finds, COMPONENT and ANNOTATION among them.
func TestBuildWarnsOfCasing(t *testing.T) {
	dir := write(t, map[string]string{
		"Wasmfile":   "FROM scratch AS base\nANNOTATION a=b\nfrom base\ncomponent guest.wasm\nLABEL a=b\n",
		"guest.wasm": string(guest(t, "probe.component")),
	})
	check := build{builder: buildkitBuilder(), dir: dir, flags: []string{"--check"}}.run(t)
	findings := finding.FindAllStringSubmatch(check.stdout, -1)
	if len(findings) != 2 {
		t.Fatalf("--check finds\n%s", check.all())
	}
	r := build{builder: buildkitBuilder(), dir: dir, output: "type=tar,dest=" + filepath.Join(dir, "artifact.tar")}.run(t)
	for _, f := range findings {
		if line := fmt.Sprintf(" - %s: %s (line %s)\n", f[1], f[2], f[3]); strings.Count(r.stderr, line) != 1 || f[1] != "ConsistentInstructionCasing" {
			t.Errorf("not said once: %s%s", line, r.all())
		}
	}
	if warned := strings.Count(r.stderr, " - Consistent"); warned != len(findings) {
		t.Errorf("%d warnings:\n%s", warned, r.all())
	}
}

// TestCheckOptions: given check options in a directive, a build argument or a
// comment, they hold for rules of BuildKit and of the frontend alike.
func TestCheckOptions(t *testing.T) {
	components, err := filepath.Abs(filepath.Join(lintCases, "components"))
	if err != nil {
		t.Fatal(err)
	}
	const text = "FROM scratch\nENV API_TOKEN=x\nHEALTHCHECK CMD x\nCOMPONENT nothing.wasm\n"
	const broken = "lint violation found for rules: "
	cases := []struct {
		name, text string
		flags      []string
		says       string // empty: the build and the check succeed
		check      bool
	}{
		{"an error in all", "# check=error=true\n" + text, nil, broken + "ComponentNotStartable, HealthcheckWithoutComponent, SecretsUsedInArgOrEnv", true},
		{"an error in a build: of the instructions before anything is built", "# check=error=true\n" + text, nil, broken + "HealthcheckWithoutComponent, SecretsUsedInArgOrEnv", false},
		{"an error of the components", "# check=error=true;skip=HealthcheckWithoutComponent,SecretsUsedInArgOrEnv\n" + text, nil, broken + "ComponentNotStartable", false},
		{"the same by a build argument", text, []string{"--build-arg", "BUILDKIT_DOCKERFILE_CHECK=skip=HealthcheckWithoutComponent,SecretsUsedInArgOrEnv;error=true"}, broken + "ComponentNotStartable", true},
		{"all are skipped", "# check=skip=all;error=true\n" + text, nil, "", true},
		{"skipped at the instruction", strings.NewReplacer(
			"ENV", "# check=skip=SecretsUsedInArgOrEnv\nENV",
			"HEALTHCHECK", "# check=skip=HealthcheckWithoutComponent\nHEALTHCHECK",
			"COMPONENT", "# check=skip=ComponentNotStartable\nCOMPONENT",
		).Replace("# check=error=true\n" + text), nil, "", true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := write(t, map[string]string{"Wasmfile": c.text})
			b := build{builder: buildkitBuilder(), dir: components, flags: append([]string{"-f", filepath.Join(dir, "Wasmfile")}, c.flags...)}
			if c.check {
				b.flags = append(b.flags, "--check")
			} else {
				b.output = "type=tar,dest=" + filepath.Join(dir, "artifact.tar")
			}
			r := try(t, b.args()...)
			if c.says == "" && (r.code != 0 || !strings.Contains(r.stdout, checked(""))) {
				t.Errorf("exit code %d\n%s", r.code, r.all())
			}
			if c.says != "" && (r.code == 0 || !strings.Contains(r.stderr, c.says+"\n")) {
				t.Errorf("exit code %d, want %q\n%s", r.code, c.says, r.all())
			}
		})
	}
}

// lintJSON is what --call=check,format=json prints.
type lintJSON struct {
	Warnings []struct {
		RuleName string
		Location struct {
			Ranges []struct {
				Start, End struct{ Line, Character int }
			}
		}
	}
	BuildError *struct {
		Message  string
		Location struct {
			Ranges []struct{ Start struct{ Line int } }
		}
	}
}

// TestCheckForEditors: given --call=check,format=json, findings of BuildKit and
// of the frontend in the order of lines, with the columns of the words that
// are wrong.
func TestCheckForEditors(t *testing.T) {
	dir := write(t, map[string]string{"Wasmfile": "FROM scratch\nENV TOKEN=x\nCOMPONENT \\\n  # two\n  command.wasm library1.wasm\nENTRYPOINT [\"command\"]\nLABEL a=b my.secret=x\n"})
	for _, builder := range []string{buildkitBuilder(), dockerBuilder} {
		t.Run(builder, func(t *testing.T) {
			r := try(t, build{builder: builder, dir: filepath.Join(lintCases, "components"), flags: []string{
				"-f", filepath.Join(dir, "Wasmfile"), "--call=check,format=json",
			}}.args()...)
			var results lintJSON
			if err := json.Unmarshal([]byte(r.stdout), &results); err != nil || r.code != 1 {
				t.Fatalf("exit code %d, %v\n%s", r.code, err, r.all())
			}
			var got []string
			for _, w := range results.Warnings {
				for _, r := range w.Location.Ranges {
					got = append(got, fmt.Sprintf("%s %d:%d-%d:%d", w.RuleName, r.Start.Line, r.Start.Character, r.End.Line, r.End.Character))
				}
			}
			want := "SecretsUsedInArgOrEnv 2:0-2:0, UnusedComponent 5:15-5:28, SecretsInMetadata 7:10-7:19"
			if strings.Join(got, ", ") != want {
				t.Errorf("%v\nwant %s", got, want)
			}
		})
	}
}

// TestCheckFindsErrors: given a Wasmfile that cannot be built, --check says so
// at the line.
func TestCheckFindsErrors(t *testing.T) {
	cases := []struct {
		name, text, says string
		line             int
	}{
		{"no Wasm", "FROM scratch\nCOMPONENT command.wat\n", "WebAssembly text", 2},
		{"no file", "FROM scratch\n\nCOMPONENT nowhere.wasm\n", "nowhere.wasm", 3},
		{"the shell form", "FROM scratch\nCOMPONENT command.wasm\nENTRYPOINT command\n", `ENTRYPOINT ["command"]`, 3},
		{"no component starts", "FROM scratch\nCOMPONENT command.wasm\n\nENTRYPOINT [\"comand\"]\n", `did you mean "command`, 4},
		{"no instruction", "FROM scratch\nCOMPONENTS command.wasm\n", "did you mean COMPONENT?", 2},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := write(t, map[string]string{"Wasmfile": c.text})
			r := try(t, build{builder: buildkitBuilder(), dir: filepath.Join(lintCases, "components"), flags: []string{
				"-f", filepath.Join(dir, "Wasmfile"), "--call=check,format=json",
			}}.args()...)
			var results lintJSON
			if err := json.Unmarshal([]byte(r.stdout), &results); err != nil || r.code != 1 {
				t.Fatalf("exit code %d, %v\n%s", r.code, err, r.all())
			}
			e := results.BuildError
			if e == nil || !strings.Contains(e.Message, c.says) || len(e.Location.Ranges) == 0 || e.Location.Ranges[0].Start.Line != c.line {
				t.Errorf("%+v, want %q at line %d", e, c.says, c.line)
			}
		})
	}
}

// TestCheckRunsNothing: given a target that a RUN is part of, --check runs it
// not, and leaves the components to the build.
func TestCheckRunsNothing(t *testing.T) {
	dir := write(t, map[string]string{"Wasmfile": "ARG BUSYBOX_IMAGE=busybox\nFROM ${BUSYBOX_IMAGE} AS build\nRUN exit 3\n\nFROM scratch\nCOMPONENT --from=build /app.wasm app\n"})
	r := try(t, build{builder: buildkitBuilder(), dir: dir, flags: []string{"--check"}}.args()...)
	if r.code != 0 || !strings.Contains(r.stdout, checked("")) || strings.Contains(r.stderr, "exit 3") {
		t.Errorf("exit code %d\n%s", r.code, r.all())
	}
}

// TestExamplesAreClean: given an example, neither --check nor a build finds
// anything.
func TestExamplesAreClean(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(example("*"), "Wasmfile"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no examples (%v)", err)
	}
	for _, file := range files {
		b := build{builder: buildkitBuilder(), dir: filepath.Dir(file), flags: []string{"--build-context", "greet=" + example("greet")}}
		t.Run(filepath.Base(b.dir), func(t *testing.T) {
			t.Parallel()
			check := b
			check.flags = append(check.flags, "--check")
			if out := must(t, check.args()...); out+"\n" != checked("") {
				t.Errorf("--check prints %s", out)
			}
			b.output = "type=tar,dest=" + filepath.Join(t.TempDir(), "artifact.tar")
			if r := try(t, b.args()...); r.code != 0 || strings.Contains(r.stderr, "warning") {
				t.Errorf("the build: exit code %d\n%s", r.code, r.stderr)
			}
		})
	}
}
