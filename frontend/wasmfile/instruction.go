package wasmfile

import (
	"slices"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
)

// Instruction is an instruction of the target's stages that is not a
// COMPONENT.
type Instruction struct {
	// Command is what it says. It is nil for an ANNOTATION, which has Keys.
	Command instructions.Command
	// Keys are those of an ANNOTATION.
	Keys []string
	// Location is its lines.
	Location []parser.Range
	// Comments are those right before it.
	Comments []string
	// Inherited says that it is in a stage that the target is FROM.
	Inherited bool
}

// findInstructions lists the instructions of the target's stages in the order
// in which they take effect.
func (f *File) findInstructions(stages []instructions.Stage, chain []int) {
	for depth, i := range slices.Backward(chain) {
		for _, c := range stages[i].Commands {
			instruction := Instruction{Command: c, Location: c.Location(), Comments: c.Comments(), Inherited: depth > 0}
			if e := f.extensionAt(c.Location()); e != nil {
				if e.component != nil {
					continue
				}
				instruction.Command, instruction.Keys = nil, annotationKeys(c)
			}
			f.Instructions = append(f.Instructions, instruction)
		}
	}
}

// Keyword is the first word of an instruction.
type Keyword struct {
	// Word is as written.
	Word string
	// Location is the instruction's lines.
	Location []parser.Range
}

// findKeywords lists the keywords of all stages.
func (f *File) findKeywords(stages []instructions.Stage) {
	add := func(word string, location []parser.Range) {
		if e := f.extensionAt(location); e != nil {
			word = e.keyword
		}
		f.Keywords = append(f.Keywords, Keyword{word, location})
	}
	for _, stage := range stages {
		add(stage.OrigCmd, stage.Location)
		for _, c := range stage.Commands {
			add(c.Name(), c.Location())
		}
	}
}

// Copy is a COPY --from, or a RUN --mount from elsewhere.
type Copy struct {
	// From is what it takes files from.
	From string
	// Location is its lines.
	Location []parser.Range
}

// findCopies lists those of all stages.
func (f *File) findCopies(stages []instructions.Stage) {
	for _, stage := range stages {
		for _, c := range stage.Commands {
			if f.extensionAt(c.Location()) != nil {
				continue
			}
			var from []string
			switch c := c.(type) {
			case *instructions.CopyCommand:
				from = append(from, c.From)
			case *instructions.RunCommand:
				for _, mount := range instructions.GetMounts(c) {
					from = append(from, mount.From)
				}
			}
			for _, name := range from {
				if name != "" {
					f.Copies = append(f.Copies, Copy{name, c.Location()})
				}
			}
		}
	}
}

// annotationKeys are those of an ANNOTATION that was parsed as the LABEL that
// stands for it.
func annotationKeys(c instructions.Command) []string {
	label, ok := c.(*instructions.LabelCommand)
	if !ok {
		return nil
	}
	var keys []string
	for _, kv := range label.Labels {
		keys = append(keys, strings.Trim(strings.TrimPrefix(kv.Key, labelPrefix), `"'`))
	}
	return keys
}

// HasArg reports whether an ARG of any stage, or before the first, has this name.
func (f *File) HasArg(name string) bool { return f.args[name] }

// findArgs lists the ARGs of all stages and those before them.
func (f *File) findArgs(stages []instructions.Stage, globals []instructions.ArgCommand) {
	f.args = make(map[string]bool)
	add := func(arg *instructions.ArgCommand) {
		for _, kv := range arg.Args {
			f.args[kv.Key] = true
		}
	}
	for i := range globals {
		add(&globals[i])
	}
	for _, stage := range stages {
		for _, c := range stage.Commands {
			if arg, ok := c.(*instructions.ArgCommand); ok {
				add(arg)
			}
		}
	}
}
