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

	keyword string
	shell   bool
	words   []string
}

// Word is where the first word is, when the text has it as it is; otherwise all
// lines. Characters are counted from 0, in bytes.
func (p *Process) Word(f *File) []parser.Range {
	if len(p.words) == 0 {
		return p.Location
	}
	quoted, err := json.Marshal(p.words[0])
	if err != nil {
		return p.Location
	}
	for _, r := range p.Location {
		for n := r.Start.Line; n <= r.End.Line && n <= len(f.lines); n++ {
			if i := strings.Index(f.lines[n-1], string(quoted)); i >= 0 {
				return []parser.Range{{
					Start: parser.Position{Line: n, Character: i},
					End:   parser.Position{Line: n, Character: i + len(quoted)},
				}}
			}
		}
	}
	return p.Location
}

// findProcess finds what the target's stages say of the process to start.
func (f *File) findProcess(stages []instructions.Stage, chain []int) {
	for _, i := range slices.Backward(chain) {
		for _, c := range stages[i].Commands {
			switch c := c.(type) {
			case *instructions.EntrypointCommand:
				f.Entrypoint = &Process{c.Location(), "ENTRYPOINT", c.PrependShell, c.CmdLine}
			case *instructions.CmdCommand:
				f.Cmd = &Process{c.Location(), "CMD", c.PrependShell, c.CmdLine}
			}
		}
	}
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
