// Package grammar tests the editors' grammar of Wasmfiles with the engine that
// uses it.
package grammar

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"path"
	"strings"
	"testing"
)

const grammarFile = "wasmfile.tmLanguage.json"

var update = flag.Bool("update", false, "rewrite the golden file")

// TestTokens: given a Wasmfile with one of everything, VS Code's engine finds
// the tokens in it.
func TestTokens(t *testing.T) {
	grammar, err := os.ReadFile("../../../docs/" + grammarFile)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(".")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path.Join(dir, grammarFile), grammar, 0o644); err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) []byte {
		cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
		return out
	}
	run("npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--prefer-offline")
	got := run("node", "tokens.mjs", grammarFile, "sample.Wasmfile")

	const golden = "sample.tokens"
	if *update {
		if err := os.WriteFile(golden, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

// TestDocumentedExtension: given the documented package.json of an extension
// for VS Code, it names the grammar by its file and scope.
func TestDocumentedExtension(t *testing.T) {
	page, err := os.ReadFile("../../../docs/editors.md")
	if err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile("../../../docs/" + grammarFile)
	if err != nil {
		t.Fatal(err)
	}
	var grammar struct{ ScopeName string }
	if err := json.Unmarshal(content, &grammar); err != nil {
		t.Fatal(err)
	}
	for _, block := range strings.Split(string(page), "```json\n")[1:] {
		text, _, _ := strings.Cut(block, "\n```")
		var extension struct {
			Contributes struct {
				Languages []struct{ ID string }
				Grammars  []struct{ Language, ScopeName, Path string }
			}
		}
		if err := json.Unmarshal([]byte(text), &extension); err != nil {
			t.Errorf("%v in:\n%s", err, text)
		}
		for i, g := range extension.Contributes.Grammars {
			if g.ScopeName != grammar.ScopeName || path.Base(g.Path) != grammarFile || g.Language != extension.Contributes.Languages[i].ID {
				t.Errorf("the extension names %+v, the grammar is %s of %s", g, grammarFile, grammar.ScopeName)
			}
		}
	}
}
