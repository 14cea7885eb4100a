package lint

import (
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/linter"

	"github.com/wasmfile/wasmfile/frontend/wasmfile"
)

// Casing checks BuildKit's rule ConsistentInstructionCasing, of all instructions of a
// Wasmfile: they should be in the case that most of them have. In a build, BuildKit itself
// sees the instructions of one rendering.
func Casing(l *linter.Linter, file *wasmfile.File) {
	lower, upper := 0, 0
	for _, k := range file.Keywords {
		switch k.Word {
		case strings.ToLower(k.Word):
			lower++
		case strings.ToUpper(k.Word):
			upper++
		}
	}
	inCase, casing := strings.ToUpper, "uppercase"
	if lower > upper {
		inCase, casing = strings.ToLower, "lowercase"
	}
	rule := &linter.RuleConsistentInstructionCasing
	for _, k := range file.Keywords {
		if k.Word != inCase(k.Word) {
			l.Run(rule, k.Location, rule.Format(k.Word, casing))
		}
	}
}
