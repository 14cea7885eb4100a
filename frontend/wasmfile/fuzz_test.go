package wasmfile_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/moby/buildkit/frontend/dockerfile/parser"

	"github.com/wasmfile/wasmfile/frontend/wasmfile"
)

// FuzzParse: whatever the text, each line stays where it is, instructions of a
// Dockerfile stay what they are, and what comes out is a Dockerfile, which is
// rendered as itself.
func FuzzParse(f *testing.F) {
	for _, dir := range []string{"ok", "bad"} {
		for _, text := range cases(f, dir) {
			f.Add(text)
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		file, err := wasmfile.Parse(text, wasmfile.Options{})
		if err != nil {
			return
		}
		if file.Form != "" {
			text = wasmfile.WithoutForm(text)
		}
		for _, form := range []wasmfile.Form{wasmfile.Artifact, wasmfile.Components, wasmfile.Image, wasmfile.Check} {
			rendered, err := file.Dockerfile(form)
			if err != nil {
				t.Fatal(err)
			}
			if file.IsDockerfile() {
				if !bytes.Equal(rendered, text) {
					t.Fatalf("another Dockerfile:\n%q\n%q", text, rendered)
				}
				continue
			}
			if bytes.Count(rendered, []byte("\n")) != bytes.Count(text, []byte("\n")) {
				t.Fatalf("another number of lines:\n%q\n%q", text, rendered)
			}
			if form != wasmfile.Components && !slices.Equal(dockerInstructions(t, text), dockerInstructionsOf(t, rendered, text)) {
				t.Fatalf("other instructions:\n%q\n%q", text, rendered)
			}
			again, err := wasmfile.Parse(rendered, wasmfile.Options{})
			if err != nil || !again.IsDockerfile() {
				t.Fatalf("not a Dockerfile (%v):\n%q\n%q", err, text, rendered)
			}
		}
	})
}

// FuzzDirectives: whatever comments begin a text, what they say of the escape
// character holds for COMPONENT as for every instruction. A form hides none.
func FuzzDirectives(f *testing.F) {
	f.Add("syntax", "wasmfile/frontend:1", "escape", "`", false)
	f.Add(" ESCAPE ", " \\ ", "check", "error=true;skip=all", true)
	f.Add("escape", "x", "escape", "`", false)
	f.Add("", "a comment", "escape", "`", true)
	f.Add("form", "cncf", "escape", "`", true)
	f.Fuzz(func(t *testing.T, key1, value1, key2, value2 string, mark bool) {
		head := "#" + key1 + "=" + value1 + "\n#" + key2 + "=" + value2 + "\n"
		if mark {
			head = "\xef\xbb\xbf" + head
		}
		effective := string(wasmfile.WithoutForm([]byte(head)))
		model, err := parser.Parse(strings.NewReader(effective + "FROM scratch\n"))
		if err != nil || len(model.AST.Children) != 1 || model.AST.Children[0].Original != "FROM scratch" {
			return // an unknown escape character, or a line that is no comment
		}
		text := head + "FROM scratch\nCOMPONENT a.wasm " + string(model.EscapeToken) + "\n  b.wasm\nCOPY c" + string(model.EscapeToken) + " d /\n"
		file, err := wasmfile.Parse([]byte(text), wasmfile.Options{})
		if err != nil && effective != head {
			return // an unknown form, or two
		}
		if err != nil {
			t.Fatalf("%v in %q", err, text)
		}
		if len(file.Components) != 1 || file.Components[0].Text != "COMPONENT a.wasm b.wasm" {
			t.Fatalf("components %+v in %q", file.Components, text)
		}
		rendered, err := file.Dockerfile(wasmfile.Check)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.HasPrefix(rendered, []byte(effective)) {
			t.Fatalf("other comments:\n%q\n%q", text, rendered)
		}
		if got := parse(t, rendered); len(got) != 3 || !strings.HasPrefix(got[1].Original, "COPY [") {
			t.Fatalf("rendered as %q", rendered)
		}
	})
}

type instruction struct {
	original   string
	start, end int
}

func dockerInstructions(t *testing.T, text []byte) []instruction {
	t.Helper()
	var found []instruction
	for _, n := range parse(t, text) {
		if !isExtension(n) {
			found = append(found, instruction{n.Original, n.StartLine, n.EndLine})
		}
	}
	return found
}

// dockerInstructionsOf leaves out the instructions that stand for extensions.
func dockerInstructionsOf(t *testing.T, rendered, text []byte) []instruction {
	t.Helper()
	extended := make(map[int]bool)
	for _, n := range parse(t, text) {
		for line := n.StartLine; isExtension(n) && line <= n.EndLine; line++ {
			extended[line] = true
		}
	}
	var found []instruction
	for _, n := range parse(t, rendered) {
		if !extended[n.EndLine] {
			found = append(found, instruction{n.Original, n.StartLine, n.EndLine})
		}
	}
	return found
}

func isExtension(n *parser.Node) bool {
	return strings.EqualFold(n.Value, "component") || strings.EqualFold(n.Value, "annotation")
}

func parse(t *testing.T, text []byte) []*parser.Node {
	t.Helper()
	result, err := parser.Parse(bytes.NewReader(text))
	if err != nil {
		t.Fatalf("%v in:\n%q", err, text)
	}
	return result.AST.Children
}
