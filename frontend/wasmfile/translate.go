package wasmfile

import (
	"cmp"
	"errors"
	"fmt"
	"path"
	"regexp"
	"strings"
	"sync"

	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/util/grpcerrors"
	"google.golang.org/grpc/status"
)

// Compiled when needed, as in all packages of programs that start often.
var (
	// hiddenPath is where components are in a rendered Dockerfile.
	hiddenPath = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`/?` + regexp.QuoteMeta(Dir) + `/[0-9]{4}/(?:` + FilesDir + `|` + NamedDir + `)?/?`)
	})
	// copyWord and labelWord are the instructions that stand for COMPONENT
	// and ANNOTATION; in lower case only where they are quoted, because they
	// are English words too.
	copyWord  = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\b(?:COPY|ADD)\b|'(?i:copy|add)'`) })
	labelWord = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\bLABEL\b|'(?i:label)'`) })
	// copyStep is the name of a step that quotes an instruction; the platform
	// is there when several are built.
	copyStep = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`(?s)^\[(?:([^\s/\]]+/\S+) )?[^\]]*\] (?:LINK )?(?:COPY|ADD)\b`)
	})
	// notFound is what BuildKit says of a source that does not exist.
	notFound = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`(?:failed to compute cache key: )?(?:failed to calculate checksum of ref \S+: "/*([^"]*)": not found|lstat /*([^:]+): no such file or directory)`)
	})
	labelKey = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(regexp.QuoteMeta(labelPrefix)) })
)

// MissingSource is the source of a copy or mount that does not exist, if that is
// what a message of BuildKit says.
func MissingSource(message string) (source string, missing bool) {
	match := notFound().FindStringSubmatch(message)
	if match == nil {
		return "", false
	}
	return match[1] + match[2], true
}

// Message makes a message of BuildKit about lines of the rendered Dockerfile
// one about the same lines of the user's text.
func (f *File) Message(message string, location []parser.Range) string {
	if e := f.extensionAt(location); e != nil {
		word := copyWord
		if e.component == nil {
			word = labelWord
		}
		if e.component != nil {
			message = notFound().ReplaceAllStringFunc(message, e.component.notFound)
		}
		message = word().ReplaceAllStringFunc(message, e.keywordFor)
		message = sourceAdvice.Replace(message)
	}
	return labelKey().ReplaceAllString(hiddenPath().ReplaceAllString(message, ""), "")
}

// sourceAdvice says what to do about sources that a COPY cannot have.
var sourceAdvice = strings.NewReplacer(
	"source can't be a URL for COMPONENT", "a variable holds a URL: write the URL itself, or give its --checksum",
	"source can't be a git ref for COMPONENT", "a Git repository is no Wasm file: bring it into a build stage, and take the file of it with COMPONENT --from=<stage>",
)

// StepName makes the name of a step of the build, which belongs to lines of
// the rendered Dockerfile, one that says which component comes from where.
func (f *File) StepName(name string, location []parser.Range) string {
	e := f.extensionAt(location)
	if e == nil || e.component == nil {
		return name
	}
	step := copyStep().FindStringSubmatch(name)
	if step == nil {
		return name
	}
	return e.component.stepName(step[1])
}

// stepName has the platform when several are built.
func (c *componentArguments) stepName(platform string) string {
	if platform != "" {
		platform += " "
	}
	return fmt.Sprintf("[%scomponent %s] from %s", platform, c.what(), c.origin())
}

// ComponentAt is the COMPONENT that has one of these lines, nil when none has.
func (f *File) ComponentAt(location []parser.Range) *Component {
	e := f.extensionAt(location)
	if e == nil || e.component == nil {
		return nil
	}
	c := e.public()
	return &c
}

// what is the name that the user gives, else the sources.
func (c *componentArguments) what() string {
	if c.name != "" {
		return c.name
	}
	var names []string
	for _, source := range c.sources {
		if isURL(source) {
			source = path.Base(source)
		}
		names = append(names, source)
	}
	return strings.Join(names, " ")
}

// origin is where the files come from.
func (c *componentArguments) origin() string {
	switch {
	case c.download:
		return strings.Join(c.sources, " ")
	case c.from != "":
		return c.from
	}
	return "context"
}

// notFound says of a source that it does not exist.
func (c *componentArguments) notFound(message string) string {
	source, _ := MissingSource(message)
	reason := fmt.Sprintf("%q is not in %s", source, cmp.Or(c.from, "the build context"))
	switch {
	case c.context != "":
		reason += ", which has " + Enumerate(c.available)
	case c.fromComponents:
		reason += ", whose components are not among its files: a stage has them too that is FROM " + c.from
	case c.from == "":
		reason += "; is it in .dockerignore, or a link out of it?"
	}
	last := len(c.sources) - 1
	switch {
	case last == 0 || strings.TrimLeft(c.sources[last], "/") != source:
	case strings.Contains(c.sources[last], "/"):
		reason += " (COMPONENT has no destination, and a name has no slash)"
	case last == 1:
		reason += fmt.Sprintf(" (to call %s that, say --name=%s)", c.sources[0], c.sources[last])
	}
	return reason
}

// MaxEnumerated is how many of one kind people are shown: names in a message,
// findings of a rule.
const MaxEnumerated = 20

// Enumerate lists names for a message, not more than a person would read.
func Enumerate(names []string) string {
	if more := len(names) - MaxEnumerated; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:MaxEnumerated], ", "), more)
	}
	return strings.Join(names, ", ")
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
	original := WithoutCode(err)
	message := f.Message(original, location)
	if message == original {
		return err
	}
	return WithMessage(err, message)
}

// WithoutCode is what an error says. One that came by gRPC begins with its code,
// which is not for people.
func WithoutCode(err error) string {
	return strings.TrimPrefix(err.Error(), grpcerrors.Code(err).String()+": ")
}

// WithMessage is an error that says something else. The original stays in the
// chain.
func WithMessage(err error, message string) error {
	return &translatedError{message: message, err: err}
}

type translatedError struct {
	message string
	err     error
}

func (e *translatedError) Error() string { return e.message }

func (e *translatedError) Unwrap() error { return e.err }

// GRPCStatus has the translation travel to the client: without it, the status
// of the original would, with its own message.
func (e *translatedError) GRPCStatus() *status.Status {
	return status.New(grpcerrors.Code(e.err), e.message)
}

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
