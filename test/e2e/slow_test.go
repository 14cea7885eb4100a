package e2e

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
)

// slowVariable names the make target of slow tests that is running, if one is.
const slowVariable = "WASMFILE_TEST_SLOW"

// onlyBy is for a test that takes minutes, or for which minutes are built: it
// runs by that make target only.
func onlyBy(t *testing.T, target string) {
	t.Helper()
	if os.Getenv(slowVariable) != target {
		t.Skipf("takes minutes; run it by `make %s`", target)
	}
}

// atScale is how many of something a test has: many by `make test-scale`, few
// otherwise.
func atScale(few, many int) int {
	if os.Getenv(slowVariable) == "test-scale" {
		return many
	}
	return few
}

// TestSlowTestsAreRun: given a test with onlyBy or atScale, the make target that it is
// for, or larger by, runs it.
func TestSlowTestsAreRun(t *testing.T) {
	files, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	chosen := make(map[string]*regexp.Regexp)
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, declaration := range parsed.Decls {
			function, ok := declaration.(*ast.FuncDecl)
			if !ok {
				continue
			}
			for _, target := range slowTargets(t, function) {
				if chosen[target] == nil {
					chosen[target] = testsOf(t, target)
				}
				if !chosen[target].MatchString(function.Name.Name) {
					t.Errorf("`make %s` does not run %s", target, function.Name.Name)
				}
			}
		}
	}
	if len(chosen) == 0 {
		t.Error("there are none: it guards nothing")
	}
}

// slowTargets are the make targets for which a function calls onlyBy and atScale.
func slowTargets(t *testing.T, function *ast.FuncDecl) (targets []string) {
	t.Helper()
	ast.Inspect(function, func(node ast.Node) bool {
		call, ok := node.(*ast.CallExpr)
		if !ok {
			return true
		}
		switch called, _ := call.Fun.(*ast.Ident); {
		case called == nil:
		case called.Name == "atScale":
			targets = append(targets, "test-scale")
		case called.Name == "onlyBy":
			literal, ok := call.Args[1].(*ast.BasicLit)
			if !ok {
				t.Fatalf("%s does not say its target as a literal", function.Name.Name)
			}
			target, err := strconv.Unquote(literal.Value)
			if err != nil {
				t.Fatal(err)
			}
			targets = append(targets, target)
		}
		return true
	})
	return targets
}

// testsOf is what a make target gives go test's -run.
func testsOf(t *testing.T, target string) *regexp.Regexp {
	t.Helper()
	commands := must(t, "make", "-C", "../..", "--dry-run", target)
	run := regexp.MustCompile(slowVariable + "=" + target + ` .*run[ =]'(.*)'`).FindStringSubmatch(commands)
	if run == nil {
		t.Fatalf("`make %s` runs no tests of its own:\n%s", target, commands)
	}
	tests, err := regexp.Compile(run[1])
	if err != nil {
		t.Fatal(err)
	}
	return tests
}
