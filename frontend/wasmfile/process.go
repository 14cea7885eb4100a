package wasmfile

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/frontend/dockerfile/shell"
)

// Process is an ENTRYPOINT or a CMD.
type Process struct {
	// Location is its lines.
	Location []parser.Range
	// Comments are those right before it.
	Comments []string

	keyword string
	shell   bool
	words   []string
}

// Word is where the first word stands; see File.Word.
func (p *Process) Word(f *File) []parser.Range {
	if len(p.words) == 0 {
		return p.Location
	}
	return f.Word(p.Location, p.words[0])
}

// findProcess finds what the target's stages say of the process to start.
func (f *File) findProcess(stages []instructions.Stage, chain []int) {
	for _, i := range slices.Backward(chain) {
		for _, c := range stages[i].Commands {
			switch c := c.(type) {
			case *instructions.EntrypointCommand:
				f.Entrypoint = &Process{c.Location(), c.Comments(), "ENTRYPOINT", c.PrependShell, c.CmdLine}
			case *instructions.CmdCommand:
				f.Cmd = &Process{c.Location(), c.Comments(), "CMD", c.PrependShell, c.CmdLine}
			}
		}
	}
}

// Words are the command line: of the exec form its strings, of the shell form
// one string.
func (p *Process) Words() []string { return p.words }

// Process is the instruction whose first word is what starts: ENTRYPOINT, or
// CMD without one; nil when there is neither.
func (f *File) Process() *Process {
	if f.Entrypoint != nil {
		return f.Entrypoint
	}
	return f.Cmd
}

// CheckProcess returns an error for an ENTRYPOINT or CMD in shell form, which
// an artifact cannot start: there is no shell in it.
func (f *File) CheckProcess() error {
	for _, p := range []*Process{f.Entrypoint, f.Cmd} {
		if p == nil || !p.shell {
			continue
		}
		what, line := "in shell form", strings.TrimSpace(strings.Join(p.words, " "))
		if array, _, ok := strings.Cut(line, "] #"); ok && strings.HasPrefix(array, "[") {
			return parser.WithLocation(fmt.Errorf("%s is in shell form because of the comment after its array: write %s %s], and the comment on a line of its own",
				p.keyword, p.keyword, array), p.Location)
		}
		if array, ok := strings.CutPrefix(line, "["); ok {
			what, line = "in shell form, which it is without a JSON array of strings in double quotes,", brokenArray.Replace(array)
		}
		return parser.WithLocation(fmt.Errorf("%s %s needs /bin/sh, which a Wasm artifact does not have; write: %s %s",
			p.keyword, what, p.keyword, execForm(line, f.escape)), p.Location)
	}
	return nil
}

// brokenArray makes a command line of what is left of an array.
var brokenArray = strings.NewReplacer(",", " ", "]", " ")

// execForm is how a command line in shell form is written as a JSON array.
func execForm(line string, escape rune) string {
	lex := shell.NewLex(escape)
	lex.SkipUnsetEnv = true
	split, err := lex.ProcessWords(line, shell.EnvsFromSlice(nil))
	if err != nil || len(split) == 0 {
		split = strings.Fields(line)
	}
	var encoded strings.Builder
	encoder := json.NewEncoder(&encoded)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(split); err != nil {
		return `["name"]`
	}
	return strings.ReplaceAll(strings.TrimSuffix(encoded.String(), "\n"), `","`, `", "`)
}
