package wasmfile_test

import (
	"encoding/json"
	"maps"
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/moby/buildkit/frontend/dockerfile/command"
)

// TestEditorsKnowEveryInstruction: given each instruction of the language, the
// editors' grammar has it.
func TestEditorsKnowEveryInstruction(t *testing.T) {
	content, err := os.ReadFile("../../docs/wasmfile.tmLanguage.json")
	if err != nil {
		t.Fatal(err)
	}
	var grammar struct {
		Repository struct {
			Instruction struct{ Begin string }
		}
	}
	if err := json.Unmarshal(content, &grammar); err != nil {
		t.Fatal(err)
	}
	// Oniguruma's look-ahead, which Go's expressions do not have, is the end.
	begin, err := regexp.Compile(regexp.MustCompile(`\(\?=.*$`).ReplaceAllString(grammar.Repository.Instruction.Begin, `(?:\s|$)`))
	if err != nil {
		t.Fatal(err)
	}
	for _, keyword := range append(slices.Sorted(maps.Keys(command.Commands)), "component", "annotation") {
		if !begin.MatchString(keyword+" x") && !begin.MatchString(keyword+" copy x") { // ONBUILD comes before another
			t.Errorf("docs/wasmfile.tmLanguage.json does not know %s", keyword)
		}
	}
	if begin.MatchString("nothing x") {
		t.Error("docs/wasmfile.tmLanguage.json takes any word for an instruction")
	}
}
