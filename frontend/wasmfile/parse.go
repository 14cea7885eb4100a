package wasmfile

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/command"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/util/suggest"
)

const (
	keywordComponent  = "component"
	keywordAnnotation = "annotation"
)

// noImage is what a stage without a base is FROM.
const noImage = "scratch"

// Options say which stage of a Wasmfile is wanted. The zero value is the last
// stage, without build arguments.
type Options struct {
	// Target is the name of a stage; empty for the last.
	Target string
	// BuildArgs are the values given for ARGs.
	BuildArgs map[string]string
	// PlatformArgs are the predefined global ARGs (TARGETPLATFORM and so on).
	PlatformArgs map[string]string
	// IsContext reports whether a named context stands in for the stage of
	// this name; nil when none does.
	IsContext func(stage string) bool
}

// extension is one of the instructions that a Dockerfile does not have.
type extension struct {
	// text is the instruction on one line, as the user wrote it.
	text string
	// keyword is as written; start and end are its lines, counted from 1.
	keyword    string
	start, end int
	// comments are those right before it.
	comments []string
	// component is nil for an ANNOTATION, whose words are in annotation.
	component  *componentArguments
	annotation []string
	// ordinal counts the COMPONENTs of the target's stages, from 1; 0 when
	// the instruction is in another stage.
	ordinal int
	// wanted says that the instruction is in one of the target's stages.
	wanted bool
}

func (e *extension) location() []parser.Range { return lineRanges(e.start, e.end) }

// public is a COMPONENT for the users of the package.
func (e *extension) public() Component {
	return Component{Text: e.text, Location: e.location(), Comments: e.comments, arguments: e.component}
}

func lineRanges(start, end int) []parser.Range {
	var ranges []parser.Range
	for n := start; n <= end; n++ {
		ranges = append(ranges, parser.Range{Start: parser.Position{Line: n}, End: parser.Position{Line: n}})
	}
	return ranges
}

// Parse reads a Wasmfile. Errors that belong to a line are, or wrap, a
// parser.LocationError and speak of the instructions that the user wrote. What
// is wrong with a text that has neither COMPONENT nor ANNOTATION is left to
// BuildKit to say, as in any Dockerfile, but for UTF-16.
func Parse(text []byte, opts Options) (*File, error) {
	if len(text) == 0 {
		return &File{}, nil
	}
	if isUTF16(text) {
		return nil, errors.New("the text is UTF-16: save it as UTF-8")
	}
	f, err := readExtensions(text)
	if err != nil {
		return nil, err
	}
	if f.IsDockerfile() {
		return f, nil
	}
	rendered, err := f.Dockerfile(Check)
	if err != nil {
		return nil, err
	}
	// The rest of the syntax is BuildKit's to judge.
	ast, err := parser.Parse(bytes.NewReader(rendered))
	if err != nil {
		return nil, f.Translate(err, nil)
	}
	// Without a linter it would crash on a # check= comment.
	stages, globals, err := instructions.Parse(ast.AST, linter.New(&linter.Config{}))
	if err != nil {
		return nil, f.Translate(err, nil)
	}
	chain, base, err := targetChain(stages, globals, ast.EscapeToken, opts)
	if err != nil {
		return nil, err
	}
	f.markWanted(stages, chain)
	f.noteStages(stages)
	f.findUnneeded(ast.AST, stages, chain)
	if err := f.checkStageNumbers(len(stages)); err != nil {
		return nil, err
	}
	if len(chain) > 0 && base != noImage {
		f.Base, f.baseName = stages[chain[len(chain)-1]].Location, base
	}
	f.findProcess(stages, chain)
	f.findInstructions(stages, chain)
	f.findCopies(stages)
	f.findKeywords(stages)
	f.findArgs(stages, globals)
	f.stages, err = namesOf(stages, globals, ast.EscapeToken, opts)
	return f, err
}

// isUTF16 reports whether a text is what some editors and shells of Windows write. Its
// lines would be unknown instructions that no message can quote.
func isUTF16(text []byte) bool {
	return bytes.HasPrefix(text, []byte("\xff\xfe")) || bytes.HasPrefix(text, []byte("\xfe\xff"))
}

// findExtensions parses the instructions that are not a Dockerfile's.
func (f *File) findExtensions(ast *parser.Node) error {
	hasStage := false
	var unknown error
	for _, node := range ast.Children {
		keyword := strings.ToLower(node.Value)
		switch keyword {
		case keywordComponent, keywordAnnotation:
			e, err := f.parseExtension(node)
			if err == nil && !hasStage {
				err = fmt.Errorf("%s comes before the first FROM: it belongs to a stage", strings.ToUpper(keyword))
			}
			if err != nil {
				return parser.WithLocation(err, node.Location())
			}
			f.extensions = append(f.extensions, e)
		case command.From:
			hasStage = true
		case command.Onbuild:
			if err := checkOnbuild(node); err != nil {
				return parser.WithLocation(err, node.Location())
			}
		default:
			unknown = cmp.Or(unknown, checkKnown(node))
		}
	}
	if means := (*misspelled)(nil); f.IsDockerfile() && !errors.As(unknown, &means) {
		return nil
	}
	return unknown
}

func (f *File) parseExtension(node *parser.Node) (*extension, error) {
	keyword, rest := splitInstruction(node.Original)
	e := &extension{
		text:     strings.Join(strings.Fields(node.Original), " "),
		keyword:  keyword,
		start:    node.StartLine,
		end:      node.EndLine,
		comments: node.PrevComment,
	}
	if strings.EqualFold(keyword, keywordAnnotation) {
		words, err := parseAnnotation(rest, f.escape)
		e.annotation = words
		return e, err
	}
	c, err := parseComponent(rest, f.escape)
	e.component = &c
	return e, err
}

func checkOnbuild(node *parser.Node) error {
	if node.Next == nil || len(node.Next.Children) == 0 {
		return nil
	}
	switch word := strings.ToLower(node.Next.Children[0].Value); word {
	case keywordComponent, keywordAnnotation:
		return fmt.Errorf("ONBUILD %s is not allowed: it would have no effect in the build that uses the image", strings.ToUpper(word))
	}
	return nil
}

// checkKnown finds misspelled instructions here, because BuildKit does not
// know two of those to suggest. The error matches a misspelled when it is one
// of these.
func checkKnown(node *parser.Node) error {
	known := slices.Sorted(maps.Keys(command.Commands))
	keyword := node.Value
	if slices.Contains(known, strings.ToLower(keyword)) {
		return nil
	}
	err := fmt.Errorf("unknown instruction: %s", keyword)
	own := []string{keywordComponent, keywordAnnotation}
	if match, _ := suggest.Search(keyword, append(known, own...), false); slices.Contains(own, strings.ToLower(match)) {
		err = &misspelled{err}
	}
	return parser.WithLocation(suggest.WrapError(err, keyword, append(known, own...), false), node.Location())
}

// misspelled is the error at an instruction that is nearly COMPONENT or
// ANNOTATION.
type misspelled struct{ error }
