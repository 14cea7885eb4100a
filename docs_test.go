package wasmfile_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/shlex"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/wasmfile/wasmfile/nerdctlplugin/command"
	"github.com/wasmfile/wasmfile/shim/policy"
)

var (
	// commandLine begins where a page or a help text has a line for the plugin, with
	// nerdctl's global flags before the word wasm or without.
	commandLine = regexp.MustCompile(`\bnerdctl((?: --?[a-z][\w-]*(?:[ =][\w./:-]+)?)*) wasm((?: [^\n]*)?)`)
	// codeSpan is code in a line of text, which may be broken.
	codeSpan = regexp.MustCompile("`[^`]+`")
	// optional is what a line of usage, and none of an example, has in brackets.
	optional = regexp.MustCompile(` \[[^\]]*\]`)
)

// documentedLines are the lines for the plugin in a page: those of its blocks, and
// those in its text.
func documentedLines(t *testing.T, page string) []string {
	t.Helper()
	content, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.ReplaceAll(string(content), "\\\n", " ")
	var code []string
	for _, block := range fenced.FindAllString(text, -1) {
		code = append(code, strings.Split(block, "\n")...)
	}
	for _, span := range codeSpan.FindAllString(fenced.ReplaceAllString(text, ""), -1) {
		code = append(code, strings.Join(strings.Fields(strings.Trim(span, "`")), " "))
	}
	return pluginLines(code)
}

// pluginLines are the command lines for the plugin in lines of a shell, without what
// a pipe or a redirection makes of them.
func pluginLines(lines []string) []string {
	var found []string
	for _, line := range lines {
		parts := []string{line}
		if !strings.Contains(line, "'") { // else what separates commands may be quoted
			parts = strings.FieldsFunc(line, func(r rune) bool { return strings.ContainsRune(";|<>()#", r) })
		}
		for _, part := range parts {
			for _, m := range commandLine.FindAllStringSubmatch(part, -1) {
				found = append(found, strings.TrimSpace(m[1]+" "+optional.ReplaceAllString(m[2], "")))
			}
		}
	}
	return found
}

// checkLine parses a command line as the plugin does, and runs nothing.
func checkLine(root *cobra.Command, line string) error {
	words, err := shlex.Split(line)
	if err != nil {
		return err
	}
	if i := slices.IndexFunc(words, func(w string) bool { return w == "|" || w == "<" || w == "..." }); i >= 0 {
		words = words[:i]
	}
	if slices.Contains(words, "--help") {
		return nil
	}
	root.LocalFlags() // makes Traverse know the global ones, as running does
	cmd, rest, err := root.Traverse(words)
	if err != nil {
		return err
	}
	if cmd == root {
		if len(rest) > 0 {
			return fmt.Errorf("there is no verb %s", rest[0])
		}
		return nil
	}
	if cmd.DisableFlagParsing {
		return nil // it is the real nerdctl's, or refused whatever its flags are
	}
	return cmd.ParseFlags(rest)
}

// TestDocumentedCommands: given a command line for the plugin in the documentation,
// its verb and its flags are there.
func TestDocumentedCommands(t *testing.T) {
	checked := 0
	for _, page := range pages(t) {
		for _, line := range documentedLines(t, page) {
			checked++
			if err := checkLine(command.Manual(), line); err != nil {
				t.Errorf("%s: nerdctl wasm %s: %v", page, line, err)
			}
		}
	}
	if checked < 100 {
		t.Errorf("only %d command lines in the documentation", checked)
	}
}

// verbs are this program's own commands: neither nerdctl's nor hidden.
func verbs(root *cobra.Command) []*cobra.Command {
	var found []*cobra.Command
	for _, cmd := range root.Commands() {
		if cmd.Hidden || cmd.DisableFlagParsing || cmd.Name() == "help" || cmd.Name() == "completion" {
			continue
		}
		found = append(append(found, cmd), verbs(cmd)...)
	}
	return found
}

// TestHelp: given a verb, its help says what it does and shows it by command lines
// that can be parsed, and docs/nerdctl-wasm.md has a heading for it. That page also names
// the verbs that are nerdctl's.
func TestHelp(t *testing.T) {
	page, err := os.ReadFile("docs/nerdctl-wasm.md")
	if err != nil {
		t.Fatal(err)
	}
	headings := strings.Join(heading.FindAllString(fenced.ReplaceAllString(string(page), ""), -1), "\n")
	for _, cmd := range command.Manual().Commands() {
		if cmd.DisableFlagParsing && !cmd.Hidden && !strings.Contains(string(page), "`"+cmd.Name()+"`") {
			t.Errorf("docs/nerdctl-wasm.md does not name %s", cmd.Name())
		}
	}
	for _, cmd := range verbs(command.Manual()) {
		if !regexp.MustCompile(`\b` + cmd.Name() + `\b`).MatchString(headings) {
			t.Errorf("docs/nerdctl-wasm.md has no heading for %s", cmd.Name())
		}
		if cmd.Long == "" {
			t.Errorf("the help of %s does not say what it does", cmd.Name())
		}
		if cmd.HasAvailableSubCommands() {
			continue
		}
		lines := pluginLines(strings.Split(cmd.Example, "\n"))
		if !slices.ContainsFunc(lines, func(line string) bool { return strings.Contains(line, cmd.Name()) }) {
			t.Errorf("the help of %s has no example of it:\n%s", cmd.Name(), cmd.Example)
		}
		for _, line := range lines {
			if err := checkLine(command.Manual(), line); err != nil {
				t.Errorf("the help of %s: nerdctl wasm %s: %v", cmd.Name(), line, err)
			}
		}
	}
}

// ownMeanings are the flags whose meaning depends on the verb; those of build are
// docker buildx build's.
var ownMeanings = []string{"all", "annotation", "cosign-key", "filter", "format", "help", "no-trunc", "output", "platform", "quiet", "size"}

// TestFlagsAreDescribedOnce: given a flag of several verbs, its help is the same
// everywhere, but for those whose meaning depends on the verb.
func TestFlagsAreDescribedOnce(t *testing.T) {
	usage := make(map[string]string)
	for _, cmd := range verbs(command.Manual()) {
		if cmd.Name() == "build" {
			continue
		}
		cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
			if slices.Contains(ownMeanings, f.Name) {
				return
			}
			if said, ok := usage[f.Name]; ok && said != f.Usage {
				t.Errorf("%s --%s: %q, and elsewhere %q", cmd.Name(), f.Name, f.Usage, said)
			}
			usage[f.Name] = f.Usage
		})
	}
}

// name is one of an annotation, a label or an environment variable of this project.
var name = regexp.MustCompile(`\b(io\.github\.wasmfile\.[a-z]+(?:[.-][a-z]+)*|WASMFILE_[A-Z_]*[A-Z])\b`)

// internalNames are those that only this project's own programs write and read.
var internalNames = []string{
	"WASMFILE_OTEL_SERVICE_NAME",                                 // from a shim to the program that sends its spans
	"WASMFILE_SHIM_LOCK",                                         // from a shim to the one that it starts
	"io.github.wasmfile.annotation", "io.github.wasmfile.report", // from the build to the layout's writer
	"io.github.wasmfile.code.of", "io.github.wasmfile.code.seal", "io.github.wasmfile.wasm.start", // on content
	"io.github.wasmfile.left", "io.github.wasmfile.left-of", // on leases
}

// sources are the files of Go that are not tests.
func sources(t *testing.T) []string {
	t.Helper()
	var files []string
	for _, part := range []string{"frontend", "nerdctlplugin", "pkg", "shim"} {
		err := filepath.WalkDir(part, func(file string, _ fs.DirEntry, err error) error {
			if strings.HasSuffix(file, ".go") && !strings.HasSuffix(file, "_test.go") {
				files = append(files, file)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return files
}

// TestDocumentedNames: given an annotation, a label or an environment variable of this
// project, it is in the documentation if it is in the code, and the other way round.
// The annotations by which a container asks for something are shim/policy's to test.
func TestDocumentedNames(t *testing.T) {
	documented, used := make(map[string]string), make(map[string]string)
	collect := func(into map[string]string, file string) {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range name.FindAllString(string(content), -1) {
			into[found] = file
		}
	}
	for _, page := range pages(t) {
		collect(documented, page)
	}
	for _, file := range sources(t) {
		collect(used, file)
	}
	settings := append(policy.Names(), "egress") // which is refused
	isSetting := func(n string) bool { return slices.Contains(settings, strings.TrimPrefix(n, policy.Prefix)) }
	for n, file := range used {
		if documented[n] == "" && !isSetting(n) && !slices.Contains(internalNames, n) {
			t.Errorf("%s is in %s and not in the documentation", n, file)
		}
	}
	for n, page := range documented {
		if used[n] == "" && !isSetting(n) {
			t.Errorf("%s is in %s and not in the code", n, page)
		}
	}
	if len(used) < 20 {
		t.Errorf("only %d names in the code", len(used))
	}
}

// TestLanguagesPage: given a Wasmfile in docs/languages.md, it is that of an example,
// but for the one that takes what a toolchain made.
func TestLanguagesPage(t *testing.T) {
	page, err := os.ReadFile("docs/languages.md")
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("examples/languages/*/Wasmfile")
	if err != nil || len(files) == 0 {
		t.Fatalf("no examples (%v)", err)
	}
	for _, file := range append(files, "examples/hello/Wasmfile") {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(page), "```Dockerfile\n"+string(content)+"```\n") {
			t.Errorf("docs/languages.md does not show %s as it is", file)
		}
	}
}

// foreignMessages are what other programs say, of the messages in
// docs/troubleshooting.md, and names of what has no message.
var foreignMessages = []string{
	"failed to resolve source metadata for docker.io/wasmfile/frontend:1", "open Dockerfile: no such file or directory",
	"unable to initialize unpacker: no unpack platforms defined", "connection refused", "WASMFILE_PUSH", "localhost",
	`unknown subcommand "wasm" for "nerdctl"`, `binary not installed "containerd-shim-wasmfile-v1"`,
	`exec: "greet": executable file not found in $PATH`, "The requested image's platform (wasip2/wasm) does not match",
	"does not provide the specified platform (wasip2/wasm)", "unable to apply apparmor profile",
	"does not exist", "wasi:http", "nerdctl logs",
}

// TestTroubleshooting: given a message in docs/troubleshooting.md that is one of this
// project's, the code has it.
func TestTroubleshooting(t *testing.T) {
	page, err := os.ReadFile("docs/troubleshooting.md")
	if err != nil {
		t.Fatal(err)
	}
	var code strings.Builder
	for _, file := range sources(t) {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		code.Write(content)
	}
	ours := 0
	for line := range strings.Lines(string(page)) {
		if !strings.HasPrefix(line, "| ") {
			continue
		}
		message, _, _ := strings.Cut(line[2:], " | ")
		for _, part := range codeSpan.FindAllString(message, -1) {
			part = strings.Trim(part, "`")
			switch {
			case slices.Contains(foreignMessages, part):
			case strings.Contains(code.String(), part):
				ours++
			default:
				t.Errorf("docs/troubleshooting.md explains %q, which nobody says", part)
			}
		}
	}
	if ours < 10 {
		t.Errorf("only %d messages of this project in docs/troubleshooting.md", ours)
	}
}

// TestPerformanceNotes: what is said of the figures on docs/performance.md is what the
// next `make bench` will write there.
func TestPerformanceNotes(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("docs", "performance.md"))
	if err != nil {
		t.Fatal(err)
	}
	notes, err := os.ReadFile(filepath.Join("bench", "notes.md"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(string(page), "\n\n"+string(notes)) {
		t.Error("docs/performance.md does not end with bench/notes.md")
	}
}
