package wasmfile

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode"

	"github.com/moby/buildkit/frontend/dockerfile/parser"

	"github.com/wasmfile/wasmfile/pkg/artifact"
)

// directiveForm is the parser directive that a Dockerfile does not have:
//
//	# form=cncf
const directiveForm = "form"

// dockerfileDirectives are those of BuildKit's parser, which stops looking for
// them at the first comment that is another.
var dockerfileDirectives = []string{"syntax", "escape", "check"}

// directiveText is what a comment that can be a directive says.
var directiveText = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^([a-zA-Z][a-zA-Z0-9]*)\s*=\s*(.+?)\s*$`) })

// directives are the lines at the top of a Wasmfile that tell how to read it.
type directives struct {
	// form is the first `form` there is, at line n counted from 1; 0 for none.
	form string
	line int
	// repeated is the line of another one, 0 for none.
	repeated int
	// lines are those of the file with BuildKit's own directives first, and a
	// comment in place of each `form`.
	lines []string
}

func readDirectives(lines []string) directives {
	d := directives{lines: slices.Clone(lines)}
	var first int
	if strings.HasPrefix(strings.TrimPrefix(lines[0], byteOrderMark), "#!") { // BuildKit reads directives below one
		first = 1
	}
	var standard, own []string
	for n := first; n < len(lines); n++ {
		line := strings.TrimRight(strings.TrimPrefix(lines[n], byteOrderMark), "\r\n")
		text, ok := strings.CutPrefix(line, "#")
		match := directiveText().FindStringSubmatch(strings.TrimLeftFunc(text, unicode.IsSpace))
		if !ok || match == nil {
			break
		}
		key := strings.ToLower(match[1])
		if slices.Contains(dockerfileDirectives, key) {
			standard = append(standard, line)
			continue
		}
		if key != directiveForm {
			break
		}
		own = append(own, "#")
		switch {
		case d.line == 0:
			d.form, d.line = match[2], n+1
		case d.repeated == 0:
			d.repeated = n + 1
		}
	}
	if len(own) == 0 {
		return d
	}
	for i, line := range slices.Concat(standard, own) {
		d.lines[first+i] = line + lineEnd(lines[first+i])
	}
	return d
}

// parse checks the directive.
func (d directives) parse() (artifact.Form, error) {
	if d.repeated != 0 {
		return "", parser.WithLocation(fmt.Errorf("only one %s parser directive can be used", directiveForm), lineRanges(d.repeated, d.repeated))
	}
	form, err := artifact.ParseForm(d.form)
	if err != nil {
		return "", parser.WithLocation(err, lineRanges(d.line, d.line))
	}
	return form, nil
}

// readExtensions parses the instructions and the directive that are not a
// Dockerfile's. In a file without such instructions the directive is a comment.
func readExtensions(text []byte) (*File, error) {
	f, err := readLines(text, splitLines(text))
	directives := readDirectives(splitLines(text))
	if directives.line == 0 || err == nil && f.IsDockerfile() {
		return f, err
	}
	form, err := directives.parse()
	if err != nil {
		return nil, err
	}
	f, err = readLines(text, directives.lines)
	if err != nil {
		return nil, err
	}
	f.Form = form
	return f, nil
}

func readLines(text []byte, lines []string) (*File, error) {
	ast, err := parser.Parse(bytes.NewReader(joinLines(lines)))
	if err != nil {
		return nil, err
	}
	f := &File{text: text, lines: lines, escape: ast.EscapeToken}
	return f, f.findExtensions(ast.AST)
}
