// Package dispatch makes one executable two programs: nerdctl-wasm by its own
// name, and by the name nerdctl one that has the command wasm and is the real
// nerdctl, found next in PATH, for all else. nerdctl has no plugin mechanism
// of its own.
package dispatch

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/pflag"
)

const (
	nerdctl    = "nerdctl"
	subcommand = "wasm"
)

// Call is a command line for the plugin.
type Call struct {
	// Name is what the user calls the program.
	Name string
	// Args are the arguments without the program's name.
	Args []string
}

// Route returns the plugin's call in a process's arguments. When they are for
// the real nerdctl, the process becomes that and Route does not return, or
// returns an error that says why that failed. globals are nerdctl's global
// flags.
func Route(argv []string, globals *pflag.FlagSet) (Call, error) {
	if len(argv) == 0 || filepath.Base(argv[0]) != nerdctl {
		return Call{Name: "nerdctl-wasm", Args: argv[min(1, len(argv)):]}, nil
	}
	if args, ok := split(argv[1:], globals); ok {
		return Call{Name: nerdctl + " " + subcommand, Args: args}, nil
	}
	if completesVerb(argv[1:], globals) {
		return Call{}, offer(argv[1:])
	}
	return Call{}, Become(argv[1:])
}

// split looks for the command wasm after global flags, and returns the
// arguments without it. It also knows the requests of shell completion.
func split(args []string, globals *pflag.FlagSet) ([]string, bool) {
	if isCompletion(args) {
		rest, ok := split(args[1:], globals)
		return append([]string{args[0]}, rest...), ok && len(rest) > 0
	}
	i := verbIndex(args, globals)
	if i < 0 || args[i] != subcommand {
		return nil, false
	}
	return slices.Concat(args[:i], args[i+1:]), true
}

// Verb returns the first word of a command line that is neither a global flag
// nor the value of one, and what follows it, also of a request of shell
// completion for that command line. It returns "" when there is none.
func Verb(args []string, globals *pflag.FlagSet) (verb string, rest []string) {
	if isCompletion(args) {
		// The last word is not complete.
		if verb, rest = Verb(args[1:], globals); len(rest) == 0 {
			return "", nil
		}
		return verb, rest
	}
	if i := verbIndex(args, globals); i >= 0 {
		return args[i], args[i+1:]
	}
	return "", nil
}

// isCompletion reports whether arguments are what cobra's scripts for shells
// ask with.
func isCompletion(args []string) bool {
	return len(args) > 0 && strings.HasPrefix(args[0], "__complete")
}

// verbIndex is where the first word after global flags is, -1 when there is
// none.
func verbIndex(args []string, globals *pflag.FlagSet) int {
	for i := 0; i < len(args); i++ {
		arg := args[i]
		switch {
		case arg == "--" || arg == "-":
			return -1
		case !strings.HasPrefix(arg, "-"):
			return i
		case takesNext(arg, globals):
			i++
		}
	}
	return -1
}

// takesNext reports whether a flag's value is the next argument.
func takesNext(arg string, globals *pflag.FlagSet) bool {
	if strings.Contains(arg, "=") {
		return false
	}
	var flag *pflag.Flag
	if name, ok := strings.CutPrefix(arg, "--"); ok {
		flag = globals.Lookup(name)
	} else if len(arg) == 2 { // -nNAME has its value with it
		flag = globals.ShorthandLookup(arg[1:])
	}
	return flag != nil && flag.NoOptDefVal == ""
}

// Become replaces the process by the real nerdctl with these arguments: exit
// code, terminal and signals stay the caller's own. It returns only when that
// fails.
func Become(args []string) error {
	program, err := Nerdctl()
	if err != nil {
		return err
	}
	if err := syscall.Exec(program, append([]string{program}, args...), os.Environ()); err != nil {
		return fmt.Errorf("run %s: %w", program, err)
	}
	return nil
}

// Nerdctl finds the real nerdctl in PATH. Its error says how to get one.
func Nerdctl() (string, error) {
	own, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("find this executable: %w", err)
	}
	return next(own, os.Getenv("PATH"))
}

// next finds the first nerdctl after the executable own in a PATH, or in all of
// it when own is not there. It never returns one that comes before own, so that
// two copies of this program do not call each other in turns.
func next(own, path string) (string, error) {
	self, err := os.Stat(own)
	if err != nil {
		return "", fmt.Errorf("find this executable: %w", err)
	}
	programs := findPrograms(path)
	passed := []os.FileInfo{self}
	start := 0
	if i := slices.IndexFunc(programs, func(p program) bool { return os.SameFile(p.info, self) }); i >= 0 {
		start = i + 1
		for _, earlier := range programs[:i] {
			passed = append(passed, earlier.info)
		}
	}
	for _, candidate := range programs[start:] {
		if !slices.ContainsFunc(passed, func(info os.FileInfo) bool { return os.SameFile(info, candidate.info) }) {
			return candidate.path, nil
		}
	}
	return "", errors.New("this is only the command `nerdctl wasm`, and no other nerdctl comes after it in PATH: install it from https://github.com/containerd/nerdctl/releases")
}

type program struct {
	path string
	info os.FileInfo
}

// findPrograms returns the executables named nerdctl in a PATH, in its order.
func findPrograms(path string) []program {
	var found []program
	for _, dir := range filepath.SplitList(path) {
		candidate := filepath.Join(dir, nerdctl)
		if !filepath.IsAbs(candidate) {
			continue // as os/exec, never from the current directory
		}
		if _, err := exec.LookPath(candidate); err != nil {
			continue
		}
		if info, err := os.Stat(candidate); err == nil {
			found = append(found, program{candidate, info})
		}
	}
	return found
}
