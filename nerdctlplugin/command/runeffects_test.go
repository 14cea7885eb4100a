package command

import (
	"errors"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

var update = flag.Bool("update", false, "rewrite goldens")

// flagsPage is the generated page.
const flagsPage = "../../docs/nerdctl-wasm-flags.md"

// nerdctlFlag is a flag as nerdctl's source declares it.
type nerdctlFlag struct{ shorthand, kind string }

// nerdctlFlags reads the declarations of flags in functions of nerdctl's
// source, of the version in go.mod: its command package cannot be imported.
func nerdctlFlags(t *testing.T, functions ...string) map[string]nerdctlFlag {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/containerd/nerdctl/v2").Output()
	if err != nil {
		t.Fatal(err)
	}
	source := filepath.Join(strings.TrimSpace(string(out)), "cmd", "nerdctl", "container", "container_run.go")
	file, err := parser.ParseFile(token.NewFileSet(), source, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	found := make(map[string]nerdctlFlag)
	for _, name := range functions {
		declared := 0
		object := file.Scope.Lookup(name)
		if object == nil {
			t.Fatalf("%s has no function %s", source, name)
		}
		ast.Inspect(object.Decl.(*ast.FuncDecl), func(node ast.Node) bool {
			if flag, f, ok := declaration(t, node); ok {
				found[flag] = f
				declared++
			}
			return true
		})
		if declared == 0 {
			t.Fatalf("%s of %s declares no flags", name, source)
		}
	}
	return found
}

// declaration reads cmd.Flags().TypeP("name", "n", ...).
func declaration(t *testing.T, node ast.Node) (name string, f nerdctlFlag, ok bool) {
	call, ok := node.(*ast.CallExpr)
	if !ok || len(call.Args) < 3 {
		return "", f, false
	}
	method, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return "", f, false
	}
	receiver, ok := method.X.(*ast.CallExpr)
	if !ok {
		return "", f, false
	}
	if flags, ok := receiver.Fun.(*ast.SelectorExpr); !ok || flags.Sel.Name != "Flags" {
		return "", f, false
	}
	text := func(i int) string {
		literal, ok := call.Args[i].(*ast.BasicLit)
		if !ok {
			t.Fatalf("a flag's name is no literal: %#v", call.Args[i])
		}
		value, err := strconv.Unquote(literal.Value)
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
	kind, short := strings.CutSuffix(method.Sel.Name, "P")
	f.kind = strings.ToLower(kind[:1]) + kind[1:]
	if short {
		f.shorthand = text(1)
	}
	return text(0), f, true
}

func flagSet(bind func(*runFlags, *pflag.FlagSet)) *pflag.FlagSet {
	var r runFlags
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	bind(&r, flags)
	return flags
}

// TestRunHasNerdctlsFlags: given the flags of the nerdctl in go.mod, run and
// create have each, with its letter and type.
func TestRunHasNerdctlsFlags(t *testing.T) {
	for name, c := range map[string]struct {
		functions []string
		flags     *pflag.FlagSet
	}{
		"run":    {[]string{"RunCommand", "setCreateFlags"}, flagSet((*runFlags).bind)},
		"create": {[]string{"setCreateFlags"}, flagSet((*runFlags).bindCreate)},
	} {
		theirs := nerdctlFlags(t, c.functions...)
		for flag, want := range theirs {
			got := c.flags.Lookup(flag)
			switch {
			case got == nil:
				t.Errorf("%s has no --%s", name, flag)
			case got.Shorthand != want.shorthand || got.Value.Type() != want.kind:
				t.Errorf("%s: --%s is a %s with the letter %q, not a %s with %q", name, flag, got.Value.Type(), got.Shorthand, want.kind, want.shorthand)
			}
		}
		for flag := range verdicts {
			if _, ok := theirs[flag]; !ok {
				t.Errorf("there is a verdict about --%s, which nerdctl %s does not have", flag, name)
			}
		}
	}
}

// TestFlagsPage: given the flags as they are, docs/nerdctl-wasm-flags.md lists
// them.
func TestFlagsPage(t *testing.T) {
	flags := flagSet((*runFlags).bind)
	theirs, own := nerdctlFlags(t, "RunCommand", "setCreateFlags"), make(map[string]bool)
	flags.VisitAll(func(f *pflag.Flag) {
		if _, ok := theirs[f.Name]; !ok {
			own[f.Name] = true
		}
	})
	want := document(flags, own)
	if *update {
		if err := os.WriteFile(flagsPage, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(flagsPage)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s is not what the flags are: rewrite it with `go test ./nerdctlplugin/command -run TestFlagsPage -update`", flagsPage)
	}
}

func TestOwnFlagsBecomeOptions(t *testing.T) {
	dir := t.TempDir()
	odd := filepath.Join(dir, "a,b:c")
	if err := os.Mkdir(odd, 0o755); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	o, _, err := parse(t, "--dir", dir+"::/data", "--dir", odd+"::/odd:ro", "--dir", dir, "--allow-net",
		"--http-addr", ":9090", "--engine-config", "fast", "--invoke", "a#f", "--env-host", "ref")
	if err != nil {
		t.Fatal(err)
	}
	wantMounts := []string{
		"type=bind,source=" + dir + ",target=/data",
		fmt.Sprintf(`type=bind,"source=%s",target=/odd,readonly`, odd),
		"type=bind,source=" + dir + ",target=" + dir,
	}
	if got := fmt.Sprint(o.Create.Mount); got != fmt.Sprint(wantMounts) {
		t.Errorf("mounts are %s, not %s", got, wantMounts)
	}
	wantAnnotations := []string{annotationNetwork + "=allow", annotationHTTPAddr + "=0.0.0.0:9090", annotationEngineConfig + "=fast"}
	if got := fmt.Sprint(o.Create.Annotations); got != fmt.Sprint(wantAnnotations) {
		t.Errorf("annotations are %s, not %s", got, wantAnnotations)
	}
	if o.Invoke != "a#f" || !o.EnvHost {
		t.Errorf("invoke %q, env-host %v", o.Invoke, o.EnvHost)
	}
	for flags, says := range map[string]string{
		"--dir relative":                "::/data",
		"--dir /nowhere::/x":            "no directory /nowhere",
		"--dir " + file + "::/x":        "use -v for a file",
		"--dir " + dir + "::x":          "absolute",
		"--allow-net --no-net":          "contradict",
		"--http-addr 8080":              ":8080",
		"--http-addr host:8080":         ":8080",
		"--gpus all":                    "WASI has no GPUs",
		"--ipfs-address /ip4/192.0.2.1": "IPFS",
	} {
		if _, _, err := parse(t, append(strings.Fields(flags), "ref")...); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: the error is %v; it has to say %q", flags, err, says)
		}
	}
	if o, _, err := parse(t, "--no-net", "ref"); err != nil || fmt.Sprint(o.Create.Annotations) != "["+annotationNetwork+"=deny]" {
		t.Errorf("%v, %v", o.Create.Annotations, err)
	}
}
