package wasmfile

import (
	"slices"
	"strings"

	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/frontend/dockerfile/shell"
)

// targetChain returns the indices of the stages that the target is made of:
// itself, the stage it is FROM, and so on. They are in that order, and base is
// what the last of them is FROM: an image, a named context or "scratch".
func targetChain(stages []instructions.Stage, globals []instructions.ArgCommand, escape rune, opts Options) (chain []int, base string, err error) {
	lex := shell.NewLex(escape)
	env, err := globalArgs(lex, globals, opts)
	if err != nil {
		return nil, "", err
	}
	for i := findTarget(stages, opts.Target); i >= 0; {
		stage := stages[i]
		if stage.Name != "" && opts.IsContext != nil && opts.IsContext(stage.Name) {
			break // a named context takes the place of the whole stage
		}
		chain = append(chain, i)
		base, _, err = lex.ProcessWord(stage.BaseName, env)
		if err != nil {
			return nil, "", parser.WithLocation(err, stage.Location)
		}
		i = stageBefore(stages[:i], base)
	}
	return chain, base, nil
}

// findTarget returns -1 for a target that does not exist, which BuildKit
// reports.
func findTarget(stages []instructions.Stage, target string) int {
	if target == "" {
		return len(stages) - 1
	}
	return stageBefore(stages, target)
}

// stageBefore is the last of the stages that has a name, or -1.
func stageBefore(stages []instructions.Stage, name string) int {
	for i, s := range slices.Backward(stages) {
		if s.Name != "" && strings.EqualFold(s.Name, name) {
			return i
		}
	}
	return -1
}

// globalArgs are the ARGs before the first stage, which a FROM can use.
func globalArgs(lex *shell.Lex, globals []instructions.ArgCommand, opts Options) (*llb.EnvList, error) {
	env := &llb.EnvList{}
	for key, value := range opts.PlatformArgs {
		env = env.AddOrReplace(key, value)
	}
	for _, arg := range globals {
		for _, kv := range arg.Args {
			value, given := opts.BuildArgs[kv.Key]
			if !given && kv.Value != nil {
				var err error
				if value, _, err = lex.ProcessWord(*kv.Value, env); err != nil {
					return nil, parser.WithLocation(err, arg.Location())
				}
				given = true
			}
			if given {
				env = env.AddOrReplace(kv.Key, value)
			}
		}
	}
	return env, nil
}

// markWanted gives the COMPONENTs of the target's stages their ordinals, in
// the order in which they take effect: those of the base first.
func (f *File) markWanted(stages []instructions.Stage, chain []int) {
	for _, i := range slices.Backward(chain) {
		first, last := stageLines(stages, i, len(f.lines))
		for _, e := range f.extensions {
			if e.start < first || e.start > last {
				continue
			}
			e.wanted = true
			if e.component == nil {
				continue
			}
			f.Components = append(f.Components, Component{Text: e.text, Location: e.location()})
			e.ordinal = len(f.Components)
		}
	}
}

// stageLines are the first and the last line of a stage.
func stageLines(stages []instructions.Stage, i, end int) (first, last int) {
	first = stages[i].Location[0].Start.Line
	if i+1 < len(stages) {
		end = stages[i+1].Location[0].Start.Line - 1
	}
	return first, end
}
