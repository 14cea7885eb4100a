package wasmfile

import (
	"errors"
	"regexp"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/parser"
)

var (
	// hiddenPath is where components are in a rendered Dockerfile.
	hiddenPath = regexp.MustCompile(`/?` + regexp.QuoteMeta(Dir) + `/[0-9]{4}/(?:` + FilesDir + `|` + NamedDir + `)?/?`)
	// copyWord and labelWord are the instructions that stand for COMPONENT
	// and ANNOTATION; in lower case only where they are quoted, because they
	// are English words too.
	copyWord  = regexp.MustCompile(`\b(?:COPY|ADD)\b|'(?i:copy|add)'`)
	labelWord = regexp.MustCompile(`\bLABEL\b|'(?i:label)'`)
	// copyStep is the part of a step's name that quotes the instruction.
	copyStep = regexp.MustCompile(`(?s)\b(?i:copy|add)\b.*$`)
	labelKey = regexp.MustCompile(regexp.QuoteMeta(labelPrefix))
)

// Message makes a message of BuildKit about lines of the rendered Dockerfile
// one about the same lines of the user's text.
func (f *File) Message(message string, location []parser.Range) string {
	if e := f.extensionAt(location); e != nil {
		word := copyWord
		if e.component == nil {
			word = labelWord
		}
		message = word.ReplaceAllStringFunc(message, e.keywordFor)
		message = strings.ReplaceAll(message, "source can't be a URL for COMPONENT",
			"a variable holds a URL: write the URL itself, or give its --checksum")
	}
	return labelKey.ReplaceAllString(hiddenPath.ReplaceAllString(message, ""), "")
}

// StepName makes the name of a step of the build, which belongs to lines of
// the rendered Dockerfile, one that shows the instruction that the user wrote.
func (f *File) StepName(name string, location []parser.Range) string {
	e := f.extensionAt(location)
	if e == nil || e.component == nil {
		return name
	}
	return copyStep.ReplaceAllLiteralString(name, e.text)
}

// Translate makes an error of BuildKit about the rendered Dockerfile one
// about the user's text: about the lines that the error knows, and those of
// location. The original stays in the chain.
func (f *File) Translate(err error, location []parser.Range) error {
	if err == nil {
		return nil
	}
	var located *parser.LocationError
	if errors.As(err, &located) {
		for _, l := range located.Locations {
			location = append(location, l...)
		}
	}
	message := f.Message(err.Error(), location)
	if message == err.Error() {
		return err
	}
	return &translatedError{message: message, err: err}
}

type translatedError struct {
	message string
	err     error
}

func (e *translatedError) Error() string { return e.message }

func (e *translatedError) Unwrap() error { return e.err }

// keywordFor is what the user wrote for an instruction that a message names:
// as it is written when that is quoted.
func (e *extension) keywordFor(instruction string) string {
	if strings.HasPrefix(instruction, "'") {
		return "'" + e.keyword + "'"
	}
	return strings.ToUpper(e.keyword)
}

func (f *File) extensionAt(location []parser.Range) *extension {
	for _, r := range location {
		for _, e := range f.extensions {
			if r.Start.Line <= e.end && r.End.Line >= e.start {
				return e
			}
		}
	}
	return nil
}
