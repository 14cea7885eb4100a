package wasmfile_test

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

const module = "github.com/wasmfile/wasmfile/"

// TestImportBoundaries keeps the parts apart: what one may not import, even
// through others.
func TestImportBoundaries(t *testing.T) {
	rules := []struct {
		packages  string // a go list pattern
		forbidden []string
	}{
		{"./pkg/artifact/...", []string{"github.com/containerd/", "github.com/moby/buildkit", module + "frontend", module + "nerdctlplugin", module + "shim"}},
		{"./pkg/layoutwriter/...", []string{"github.com/containerd/", "github.com/moby/buildkit"}},
		{"./pkg/wasm/...", []string{"github.com/", "golang.org/x/"}},
		{"./frontend/...", []string{module + "nerdctlplugin", module + "shim", "github.com/containerd/nerdctl", "github.com/containerd/containerd/v2/client"}},
		// Or it would not be initialized before them.
		{"./shim/launch/...", []string{"google.golang.org/", "golang.org/x/", "github.com/containerd/", module + "shim/task", module + "shim/engine"}},
		{"./nerdctlplugin/...", []string{module + "shim"}},
		{"./shim/...", []string{module + "nerdctlplugin", module + "frontend", "github.com/containerd/nerdctl", "github.com/moby/buildkit"}},
		// Or each of the three starts for a container would initialize it; and because
		// of templates, nothing that has methods could be left out.
		{"./shim/cmd/containerd-shim-wasmfile-v1", []string{"go.opentelemetry.io/", "github.com/klauspost/", "text/template"}},
		{"./pkg/...", []string{module + "frontend", module + "nerdctlplugin", module + "shim"}},
	}
	for _, rule := range rules {
		for _, pkg := range goList(t, rule.packages) {
			for _, dep := range pkg.Deps {
				for _, prefix := range rule.forbidden {
					own := strings.HasPrefix(dep, module+strings.Trim(rule.packages, "./"))
					if strings.HasPrefix(dep, prefix) && !own {
						t.Errorf("%s depends on %s: %s may not depend on %s", pkg.ImportPath, dep, rule.packages, prefix)
					}
				}
			}
		}
	}
}

// TestDependenciesAreExplained: every direct dependency has its reason in
// docs/dependencies.md.
func TestDependenciesAreExplained(t *testing.T) {
	explained, err := os.ReadFile("docs/dependencies.md")
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), "go", "mod", "edit", "-json").Output()
	if err != nil {
		t.Fatal(err)
	}
	var mod struct {
		Require []struct {
			Path     string
			Indirect bool
		}
		Replace []any
	}
	if err := json.Unmarshal(out, &mod); err != nil {
		t.Fatal(err)
	}
	for _, r := range mod.Require {
		if !r.Indirect && !strings.Contains(string(explained), "`"+r.Path+"`") {
			t.Errorf("docs/dependencies.md does not say what %s is for", r.Path)
		}
	}
	if len(mod.Replace) > 0 {
		t.Error("go.mod has a replace, with which `go install ...@version` does not work")
	}
}

type listedPackage struct {
	ImportPath string
	Deps       []string
}

// goList lists packages as the Makefile builds them.
func goList(t *testing.T, pattern string) []listedPackage {
	t.Helper()
	makefile, err := os.ReadFile("Makefile")
	if err != nil {
		t.Fatal(err)
	}
	tags := regexp.MustCompile(`(?m)^GO_TAGS +:= (.+)$`).FindSubmatch(makefile)
	if tags == nil {
		t.Fatal("the Makefile has no GO_TAGS")
	}
	out, err := exec.CommandContext(t.Context(), "go", "list", "-tags", string(tags[1]), "-deps=false", "-json=ImportPath,Deps", pattern).Output()
	if err != nil {
		t.Fatalf("go list %s: %v", pattern, err)
	}
	var packages []listedPackage
	for decoder := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listedPackage
		err := decoder.Decode(&p)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("go list %s: %v", pattern, err)
		}
		packages = append(packages, p)
	}
	if len(packages) == 0 {
		t.Fatalf("go list %s found nothing: the rule guards nothing", pattern)
	}
	return packages
}
