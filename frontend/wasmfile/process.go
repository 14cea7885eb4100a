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

// Keyword is ENTRYPOINT or CMD.
func (p *Process) Keyword() string { return p.keyword }

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
		return parser.WithLocation(fmt.Errorf("%s in shell form needs /bin/sh, which a Wasm artifact does not have; write: %s %s",
			p.keyword, p.keyword, execForm(p.words, f.escape)), p.Location)
	}
	return nil
}

// execForm is how a command line in shell form is written as a JSON array.
func execForm(words []string, escape rune) string {
	line := strings.Join(words, " ")
	lex := shell.NewLex(escape)
	lex.SkipUnsetEnv = true
	split, err := lex.ProcessWords(line, shell.EnvsFromSlice(nil))
	if err != nil || len(split) == 0 {
		split = strings.Fields(line)
	}
	encoded, err := json.Marshal(split)
	if err != nil {
		return `["name"]`
	}
	return strings.ReplaceAll(string(encoded), `","`, `", "`)
}
