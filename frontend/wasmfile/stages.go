package wasmfile

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/frontend/dockerfile/command"
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
	for _, e := range f.extensions {
		if e.component != nil {
			f.AllComponents = append(f.AllComponents, e.public())
		}
	}
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
			f.Components = append(f.Components, e.public())
			e.ordinal = len(f.Components)
		}
	}
}

// noteStages notes in each COMPONENT --from=<stage> whether that stage brings
// components of its own, which are not among its files.
func (f *File) noteStages(stages []instructions.Stage) {
	has := make(map[string]bool)
	for i, stage := range stages {
		first, last := stageLines(stages, i, len(f.lines))
		for _, e := range f.extensions {
			if e.component != nil && e.start >= first && e.start <= last {
				has[strconv.Itoa(i)], has[strings.ToLower(stage.Name)] = true, true
			}
		}
	}
	for _, e := range f.extensions {
		if e.component != nil && e.component.from != "" {
			e.component.fromComponents = has[strings.ToLower(e.component.from)]
		}
	}
}

// lineSpan is from the first to the last line, counted from 1.
type lineSpan struct{ first, last int }

// findUnneeded finds the instructions of a Dockerfile in the target's stages that
// cannot change what a COMPONENT says.
func (f *File) findUnneeded(ast *parser.Node, stages []instructions.Stage, chain []int) {
	for _, i := range chain {
		first, last := stageLines(stages, i, len(f.lines))
		for _, node := range ast.Children {
			if node.StartLine < first || node.StartLine > last {
				continue
			}
			isExtension := f.extensionAt(lineRanges(node.StartLine, node.EndLine)) != nil
			if !isExtension && !setsVariables(node) && !strings.EqualFold(node.Value, command.From) {
				f.unneeded = append(f.unneeded, lineSpan{node.StartLine, node.EndLine})
			}
		}
	}
}

// setsVariables reports whether an instruction says what variables are, here or
// in the stages that are FROM this one.
func setsVariables(node *parser.Node) bool {
	switch strings.ToLower(node.Value) {
	case command.Arg, command.Env:
		return true
	case command.Onbuild:
		return node.Next != nil && len(node.Next.Children) > 0 && setsVariables(node.Next.Children[0])
	}
	return false
}

// stageLines are the first and the last line of a stage.
func stageLines(stages []instructions.Stage, i, end int) (first, last int) {
	first = stages[i].Location[0].Start.Line
	if i+1 < len(stages) {
		end = stages[i+1].Location[0].Start.Line - 1
	}
	return first, end
}

// stageNames are the names of all stages in lower case, in their order. Those of
// stages that only name an image, or another such stage, have the image.
type stageNames struct {
	names  []string
	images []string
	byName map[string]string
}

func namesOf(stages []instructions.Stage, globals []instructions.ArgCommand, escape rune, opts Options) (stageNames, error) {
	names := stageNames{byName: make(map[string]string)}
	lex := shell.NewLex(escape)
	env, err := globalArgs(lex, globals, opts)
	if err != nil {
		return names, err
	}
	for i, stage := range stages {
		image, _, err := lex.ProcessWord(stage.BaseName, env)
		if err != nil {
			return names, parser.WithLocation(err, stage.Location)
		}
		if before := stageBefore(stages[:i], image); before >= 0 && (opts.IsContext == nil || !opts.IsContext(image)) {
			image = names.images[before]
		}
		if len(stage.Commands) > 0 || stage.Platform != "" {
			image = ""
		}
		names.images = append(names.images, image)
		if name := strings.ToLower(stage.Name); name != "" {
			names.names = append(names.names, name)
			names.byName[name] = image
		}
	}
	return names, nil
}

// checkStageNumbers finds a --from with a number that no stage has.
func (f *File) checkStageNumbers(count int) error {
	for _, c := range f.AllComponents {
		if i, err := strconv.Atoi(c.From()); err == nil && (i < 0 || i >= count) {
			return parser.WithLocation(fmt.Errorf("COMPONENT --from=%d: there is no stage of this number; the stages are 0 to %d", i, count-1), c.Location)
		}
	}
	return nil
}

// Stage tells what a --from names: whether it is a stage, by name or number,
// and if that stage is only FROM an image, or FROM a stage that is, which one.
func (f *File) Stage(from string) (image string, isStage bool) {
	if i, err := strconv.Atoi(from); err == nil && i >= 0 && i < len(f.stages.images) {
		return f.stages.images[i], true
	}
	image, isStage = f.stages.byName[strings.ToLower(from)]
	return image, isStage
}

// StageNames are the names of all stages, in lower case and in their order.
func (f *File) StageNames() []string { return f.stages.names }
