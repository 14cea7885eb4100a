package e2e

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// snippet is a Wasmfile in a Markdown page, a fenced block in the language
// Dockerfile.
type snippet struct {
	line int // of its first line in the page
	text string
	// fails is what the build has to say when it must fail: the text of a
	// comment <!-- fails: ... --> on the line before the block.
	fails string
	// commands are those of the console blocks that follow it under the same
	// heading: the lines that begin with "$ ", and what continues them.
	commands []shellCommand
}

// shellCommand is a command line with what a page says that it prints.
type shellCommand struct {
	line   string
	prints []string
}

// snippets reads the Wasmfiles of a Markdown page.
func snippets(page string) []snippet {
	var found []snippet
	lines := strings.Split(page, "\n")
	current := -1 // the snippet that a console block belongs to
	for i := 0; i < len(lines); i++ {
		if strings.HasPrefix(lines[i], "#") {
			current = -1
		}
		language, opens := strings.CutPrefix(lines[i], "```")
		if !opens {
			continue
		}
		first := i + 1
		for i = first; i < len(lines) && lines[i] != "```"; i++ {
		}
		block := lines[first:i]
		switch {
		case language == "Dockerfile":
			found = append(found, snippet{line: first + 1, text: strings.Join(block, "\n") + "\n", fails: failsComment(lines[:first-1])})
			current = len(found) - 1
		case language == "console" && current >= 0:
			found[current].commands = append(found[current].commands, shellCommands(block)...)
		}
	}
	return found
}

func failsComment(before []string) string {
	if len(before) == 0 {
		return ""
	}
	text, opens := strings.CutPrefix(before[len(before)-1], "<!-- fails: ")
	text, closes := strings.CutSuffix(text, " -->")
	if !opens || !closes {
		return ""
	}
	return text
}

func shellCommands(block []string) []shellCommand {
	var commands []shellCommand
	continued := false
	for _, line := range block {
		command, begins := strings.CutPrefix(line, "$ ")
		last := len(commands) - 1
		switch {
		case begins:
			commands = append(commands, shellCommand{line: command})
		case continued:
			commands[last].line += "\n" + line
		case last >= 0:
			commands[last].prints = append(commands[last].prints, line)
		}
		continued = (begins || continued) && strings.HasSuffix(line, "\\")
	}
	return commands
}

// whole is the snippet as a Wasmfile that builds: with a stage and a component
// when it shows neither.
func (s snippet) whole() string {
	lines := strings.SplitAfter(s.text, "\n")
	has := func(keyword string) bool {
		return slices.ContainsFunc(lines, func(l string) bool { return strings.HasPrefix(l, keyword+" ") })
	}
	if !has("FROM") {
		directives := 0
		for strings.HasPrefix(lines[directives], "# ") {
			directives++
		}
		lines = slices.Insert(lines, directives, "FROM scratch\n")
	}
	if !has("COMPONENT") {
		lines = append(lines, "COMPONENT app.wasm\n")
	}
	return strings.Join(lines, "")
}

// TestSnippets: given a page, its Wasmfiles with their commands.
func TestSnippets(t *testing.T) {
	page := strings.Join([]string{
		"# One", "", "```Dockerfile", "# escape=`", "ENV A=b", "```", "", "and", "", "```console", "$ one", "$ two \\", "  three", "printed", "```",
		"", "# Two", "```console", "$ of no Wasmfile", "```", "<!-- fails: no -->", "```Dockerfile", "FROM x", "COMPONENT y", "```",
	}, "\n")
	found := snippets(page)
	if len(found) != 2 {
		t.Fatalf("%+v", found)
	}
	first, second := found[0], found[1]
	if first.line != 4 || first.fails != "" || len(first.commands) != 2 || first.commands[1].line != "two \\\n  three" || !slices.Equal(first.commands[1].prints, []string{"printed"}) {
		t.Errorf("%+v", first)
	}
	if want := "# escape=`\nFROM scratch\nENV A=b\nCOMPONENT app.wasm\n"; first.whole() != want {
		t.Errorf("%q", first.whole())
	}
	if second.fails != "no" || len(second.commands) != 0 || second.whole() != "FROM x\nCOMPONENT y\n" {
		t.Errorf("%+v", second)
	}
}

// readPage reads the Wasmfiles of a page of the repository.
func readPage(t *testing.T, path string) []snippet {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return snippets(string(content))
}
