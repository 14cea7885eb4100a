package dispatch

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

func globals() *pflag.FlagSet {
	flags := pflag.NewFlagSet("nerdctl", pflag.ContinueOnError)
	flags.String("namespace", "", "")
	flags.StringP("n", "n", "", "")
	flags.Bool("debug", false, "")
	flags.StringSlice("hosts-dir", nil, "")
	return flags
}

func TestSplitFindsTheCommandAfterGlobalFlags(t *testing.T) {
	cases := map[string]struct {
		args string
		want string // "-" when the line is for the real nerdctl
	}{
		"the command":               {"wasm run x", "run x"},
		"nothing":                   {"", "-"},
		"another command":           {"run wasm", "-"},
		"a flag and its value":      {"--namespace wasm wasm pull x", "--namespace wasm pull x"},
		"a value that is the name":  {"--namespace wasm run x", "-"},
		"a flag with =":             {"--namespace=a wasm pull x", "--namespace=a pull x"},
		"a short flag":              {"-n a wasm pull x", "-n a pull x"},
		"a short flag, joined":      {"-na wasm pull x", "-na pull x"},
		"a boolean flag":            {"--debug wasm pull x", "--debug pull x"},
		"a list":                    {"--hosts-dir a,b wasm pull x", "--hosts-dir a,b pull x"},
		"an unknown flag":           {"--version", "-"},
		"no command after flags":    {"--debug", "-"},
		"the end of flags":          {"-- wasm", "-"},
		"help":                      {"wasm --help", "--help"},
		"later words stay":          {"wasm run x wasm", "run x wasm"},
		"completion":                {"__complete wasm ru", "__complete ru"},
		"completion with globals":   {"__completeNoDesc -n a wasm run x", "__completeNoDesc -n a run x"},
		"completion of the real":    {"__complete run x", "-"},
		"completion of the command": {"__complete wasm", "-"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			args := strings.Fields(c.args)
			got, ok := split(args, globals())
			if c.want == "-" {
				if ok {
					t.Fatalf("%q is for the plugin: %q", c.args, got)
				}
				return
			}
			if !ok || !slices.Equal(got, strings.Fields(c.want)) {
				t.Errorf("%q becomes %q, %v; it has to be %q", c.args, got, ok, c.want)
			}
		})
	}
}

func TestRouteByName(t *testing.T) {
	call, err := Route([]string{"/usr/bin/nerdctl-wasm", "wasm", "x"}, globals())
	if err != nil || call.Name != "nerdctl-wasm" || !slices.Equal(call.Args, []string{"wasm", "x"}) {
		t.Errorf("by its own name: %+v, %v", call, err)
	}
	call, err = Route([]string{"nerdctl", "-n", "a", "wasm", "pull", "x"}, globals())
	if err != nil || call.Name != "nerdctl wasm" || !slices.Equal(call.Args, []string{"-n", "a", "pull", "x"}) {
		t.Errorf("by the name nerdctl: %+v, %v", call, err)
	}
}

func TestNextLooksAfterItselfOnly(t *testing.T) {
	root := t.TempDir()
	file := func(dir string, mode os.FileMode) string {
		path := filepath.Join(root, dir, "nerdctl")
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(dir), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	a, b, real := file("a", 0o755), file("b", 0o755), file("real", 0o755)
	file("data", 0o644)
	if err := os.MkdirAll(filepath.Join(root, "dir", "nerdctl"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(root, "link"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(a, filepath.Join(root, "link", "nerdctl")); err != nil {
		t.Fatal(err)
	}
	cases := map[string]struct{ own, path, want string }{
		"the next":                    {a, "a real", real},
		"not a file or no program":    {a, "a data dir real", real},
		"not its own link":            {a, "link a real", real},
		"not in PATH":                 {b, "a real", a},
		"never one before it":         {b, "a b real", real},
		"not in turns":                {b, "a b a link", ""},
		"there twice":                 {a, "a real a", real},
		"nothing":                     {a, "a", ""},
		"not the current directory":   {a, ". a", ""},
		"only ones before it":         {b, "real b", ""},
		"directories that are gone":   {a, "gone a gone real", real},
		"two of them before the real": {a, "a b real", b},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			var dirs []string
			for _, dir := range strings.Fields(c.path) {
				if dir != "." {
					dir = filepath.Join(root, dir)
				}
				dirs = append(dirs, dir)
			}
			got, err := next(c.own, strings.Join(dirs, string(os.PathListSeparator)))
			if got != c.want || (err != nil) != (c.want == "") {
				t.Errorf("the next in %s is %q, %v; it has to be %q", c.path, got, err, c.want)
			}
		})
	}
}

func TestVerbIsTheFirstWord(t *testing.T) {
	for line, want := range map[string]string{
		"stop x":                          "stop [x]",
		"-n a --debug stop x -t 3":        "stop [x -t 3]",
		"--namespace stop logs":           "logs []",
		"":                                " []",
		"--version":                       " []",
		"__complete stop x":               "stop [x]",
		"__completeNoDesc -n a logs -f x": "logs [-f x]",
		"__complete sto":                  " []", // not yet a verb
	} {
		verb, rest := Verb(strings.Fields(line), globals())
		if got := verb + " " + fmt.Sprint(rest); got != want {
			t.Errorf("%q begins with %q, not %q", line, got, want)
		}
	}
}

func TestCompletionOffersTheCommand(t *testing.T) {
	for line, want := range map[string]bool{
		"__complete w": true, "__complete |": true, "__complete -n a wa": true, "__completeNoDesc wasm": true,
		"__complete x": false, "__complete run w": false, "__complete --w": false, "w": false, "__complete -n w": false,
	} {
		args := strings.Fields(line)
		if i := slices.Index(args, "|"); i >= 0 {
			args[i] = ""
		}
		if got := completesVerb(args, globals()); got != want {
			t.Errorf("%q: %v", line, got)
		}
	}
	for request, want := range map[string]string{
		"__complete":       "wait\tWait\nwasm\tWebAssembly artifacts\n:4\n",
		"__completeNoDesc": "wait\tWait\nwasm\n:4\n",
	} {
		if got := withSubcommand("wait\tWait\n:4\n", request); got != want {
			t.Errorf("%s gives %q, not %q", request, got, want)
		}
	}
}
