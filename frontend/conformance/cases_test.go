package conformance_test

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// suite is one of the places where BuildKit publishes Dockerfiles.
type suite struct {
	name  string
	cases []dockerfile
}

type dockerfile struct {
	// name is the file that it is from, below BuildKit's module.
	name string
	text []byte
}

// suites reads all cases from the module cache. A text that is in several
// places counts in the first.
func suites(t testing.TB) []suite {
	t.Helper()
	root := filepath.Join(buildkit(t, "{{.Dir}}"), "frontend", "dockerfile")
	seen := make(map[string]bool)
	collect := func(name, glob string, read func(t testing.TB, path string) [][]byte) suite {
		t.Helper()
		s := suite{name: name}
		for _, path := range find(t, root, glob) {
			for _, text := range read(t, path) {
				if seen[string(text)] {
					continue
				}
				seen[string(text)] = true
				relative, err := filepath.Rel(root, path)
				if err != nil {
					t.Fatal(err)
				}
				s.cases = append(s.cases, dockerfile{fmt.Sprintf("%s:%d", relative, len(s.cases)+1), text})
			}
		}
		if len(s.cases) == 0 {
			t.Fatalf("no cases in %s of %s", glob, root)
		}
		return s
	}
	return []suite{
		collect("files of the parser's tests, good", "parser/testfiles/*/Dockerfile", wholeFile),
		collect("files of the parser's tests, bad", "parser/testfiles-negative/*/Dockerfile", wholeFile),
		collect("file of the parser's test of line numbers", "parser/testfile-line/Dockerfile", wholeFile),
		collect("texts in the tests of `dockerfile2llb`", "dockerfile2llb/*_test.go", literals),
		collect("texts in the tests of `parser`, `instructions` and `linter`", "*/*_test.go", literals),
		collect("texts in the integration tests", "*_test.go", literals),
		collect("examples in the reference and the other documents", "docs/*.md", examples),
		collect("examples in the rules' pages", "docs/rules/*.md", examples),
	}
}

// buildkit asks the go command about the module of BuildKit that is in use.
func buildkit(t testing.TB, format string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", format, "github.com/moby/buildkit").Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

func find(t testing.TB, root, glob string) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		if ok, err := filepath.Match(glob, relative); !ok || err != nil {
			return err
		}
		found = append(found, path)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func wholeFile(t testing.TB, path string) [][]byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return [][]byte{text}
}

// hasStage tells a Dockerfile from other strings.
var hasStage = regexp.MustCompile(`(?mi)^[ \t]*FROM[ \t]+\S`)

// literals are the strings in Go source that are Dockerfiles. Those that the
// tests fill in by a format are taken as they stand.
func literals(t testing.TB, path string) [][]byte {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	var texts [][]byte
	ast.Inspect(file, func(node ast.Node) bool {
		literal, ok := node.(*ast.BasicLit)
		if !ok || literal.Kind != token.STRING {
			return true
		}
		text, err := strconv.Unquote(literal.Value)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		if hasStage.MatchString(text) {
			texts = append(texts, []byte(text))
		}
		return true
	})
	return texts
}

// fence is a block of code in Markdown, with its indentation.
var fence = regexp.MustCompile("(?ms)^([ \\t]*)```[dD]ockerfile[^\\n]*\\n(.*?)^[ \\t]*```")

// examples are the blocks of a document that are marked as a Dockerfile. Some
// are parts of one.
func examples(t testing.TB, path string) [][]byte {
	t.Helper()
	var texts [][]byte
	for _, match := range fence.FindAllSubmatch(wholeFile(t, path)[0], -1) {
		indent, lines := match[1], bytes.SplitAfter(match[2], []byte("\n"))
		for i, line := range lines {
			lines[i] = bytes.TrimPrefix(line, indent)
		}
		texts = append(texts, slices.Concat(lines...))
	}
	return texts
}
