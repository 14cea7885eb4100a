package dispatch

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"

	"github.com/spf13/pflag"
)

// completesVerb reports whether a shell asks to complete a verb that may become
// the command wasm.
func completesVerb(args []string, globals *pflag.FlagSet) bool {
	if !isCompletion(args) || len(args) < 2 {
		return false
	}
	words := args[1:]
	i := verbIndex(words, globals)
	last := len(words) - 1
	// An empty word is no flag either.
	return i == last && strings.HasPrefix(subcommand, words[last])
}

// offer answers as the real nerdctl does, and adds the command wasm.
func offer(args []string) error {
	program, err := Nerdctl()
	if err != nil {
		return err
	}
	command := exec.Command(program, args...)
	command.Stdin, command.Stderr = os.Stdin, os.Stderr
	answer, err := command.Output()
	if err != nil {
		return fmt.Errorf("ask %s for completions: %w", program, err)
	}
	if _, err := io.WriteString(os.Stdout, withSubcommand(string(answer), args[0])); err != nil {
		return err
	}
	os.Exit(0)
	return nil
}

// withSubcommand adds the command wasm before an answer's last line, which
// tells the shell what to do with the others.
func withSubcommand(answer, request string) string {
	entry := subcommand
	if !strings.Contains(request, "NoDesc") {
		entry += "\tWebAssembly artifacts"
	}
	lines := strings.Split(strings.TrimSuffix(answer, "\n"), "\n")
	at := len(lines)
	if last := lines[at-1]; strings.HasPrefix(last, ":") {
		at--
	}
	return strings.Join(slices.Insert(lines, at, entry), "\n") + "\n"
}
