package e2e

import (
	"flag"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// internals are what nobody but the frontend writes, or knows of.
var internals = regexp.MustCompile(`\.wasmfile|/run/wasmfile|io\.github\.wasmfile|component\.invalid|context\.invalid|--unpack|\b(?:COPY|ADD|LABEL)\b`)

// written are words of the user's that look like internals.
var written = regexp.MustCompile(`use COPY for files|\bCOPY (?:<<EOF|evil|motd|app|--from=build app|would be lost).*|\bLABEL (?:\S+=a team=|team=web |io\.github\.wasmfile\.).*|the label io\.github\.wasmfile\.\S+`)

var (
	// place is how a client says where in the Wasmfile an error is.
	place = regexp.MustCompile(`(?m)^Wasmfile:(\d+)$`)
	// failure is the error itself.
	failure = regexp.MustCompile(`(?m)^ERROR: failed to build: failed to solve: (.*)$`)
	// random is what is different each time.
	random = regexp.MustCompile(`ref \S+::\S+`)
)

// TestBadWasmfiles: given each Wasmfile of the frontend's bad cases, those that
// cannot be read and those that cannot be built, the build says what its
// error.txt says, and neither that nor the progress nor --check shows what the
// frontend made of the file.
func TestBadWasmfiles(t *testing.T) {
	testdata := filepath.Join("..", "..", "frontend", "wasmfile", "testdata")
	cases := make(map[string]bool) // whether it needs a build
	for kind, builds := range map[string]bool{"bad": false, "bad-build": true} {
		files, err := filepath.Glob(filepath.Join(testdata, kind, "*", "Wasmfile"))
		if err != nil || len(files) == 0 {
			t.Fatalf("no cases in %s (%v)", kind, err)
		}
		for _, file := range files {
			cases[filepath.Dir(file)] = builds
		}
	}
	for _, dir := range slices.Sorted(maps.Keys(cases)) {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			t.Parallel()
			b := build{builder: buildkitBuilder(), dir: dir}
			r := try(t, b.args()...)
			got := failureOf(r.all())
			if r.code == 0 || got == "" {
				t.Fatalf("no error (exit code %d):\n%s", r.code, r.all())
			}
			golden := filepath.Join(dir, "error.txt")
			if *update && cases[dir] {
				if err := os.WriteFile(golden, []byte(got+"\n"), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want := readFile(t, golden)
			if got != strings.TrimSuffix(want, "\n") {
				t.Errorf("it says\n%s\nand not\n%s", got, want)
			}
			noInternals(t, r.all())
			b.flags = []string{"--check"}
			noInternals(t, try(t, b.args()...).all())
		})
	}
}

// failureOf is the error of a build, with its lines, the last of which is
// closest to it.
func failureOf(output string) string {
	message := failure.FindStringSubmatch(output)
	if message == nil {
		return ""
	}
	var lines []string
	for _, p := range place.FindAllStringSubmatch(output, -1) {
		lines = append(lines, p[1])
	}
	text := random.ReplaceAllString(message[1], "ref")
	if len(lines) == 0 {
		return text
	}
	return "line " + strings.Join(lines, " and ") + ": " + text
}

func noInternals(t *testing.T, output string) {
	t.Helper()
	for line := range strings.Lines(output) {
		if found := internals.FindString(written.ReplaceAllString(line, "")); found != "" {
			t.Errorf("it shows %q: %s", found, line)
		}
	}
}
