package wasmfile

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/parser"

	"github.com/wasmfile/wasmfile/pkg/artifact"
)

const (
	// Dir is the directory at the root of the converted target stage that
	// holds the components; nothing else may use it.
	Dir = ".wasmfile"

	// FilesDir, below Dir and a component instruction's ordinal, holds files
	// that keep their names.
	FilesDir = "files"

	// NamedDir, below Dir and a component instruction's ordinal, holds one
	// directory, whose name is the one to give to the one file in it. The name
	// is a directory's, so that a wildcard that matches several files does not
	// write one over the other.
	NamedDir = "as"
)

// OrdinalDir is the name, below Dir, of the directory for the nth COMPONENT
// of the target's stages, counted from 1. It is not a line number: moving a
// line does not change what is built.
func OrdinalDir(n int) string { return fmt.Sprintf("%04d", n) }

// copyFlags are COMPONENT's flags that COPY and ADD understand as they are.
var copyFlags = []string{"from", "exclude", "link", "checksum"}

// fileFlags are flags of COPY and ADD that have no meaning for a component.
var fileFlags = []string{"chown", "chmod", "parents", "keep-git-dir", "unpack"}

// componentArguments is what a COMPONENT says.
type componentArguments struct {
	// flags are for COPY or ADD, as written.
	flags []string
	// sources are as written, with their variables and quotes.
	sources []string
	// name is as written, empty when the files keep their names.
	name string
	// download says that ADD is needed: a source is a URL.
	download bool
}

func parseComponent(rest string, escape rune) (componentArguments, error) {
	flags, arguments := splitFlags(rest, escape)
	var c componentArguments
	named, checksum, from := false, false, false
	for _, f := range flags {
		switch {
		case f.name == "name":
			named, c.name = true, f.value
		case slices.Contains(copyFlags, f.name):
			checksum = checksum || f.name == "checksum"
			from = from || f.name == "from"
			c.flags = append(c.flags, f.raw)
		case slices.Contains(fileFlags, f.name):
			return c, fmt.Errorf("COMPONENT has no flag --%s: a component is a layer of its own, without owner, mode or directory; use COPY for files of the root filesystem", f.name)
		default:
			return c, fmt.Errorf("COMPONENT has no flag --%s: it has --from, --name, --exclude, --link and --checksum", f.name)
		}
	}
	c.sources = pathWords(arguments)
	for _, w := range c.sources {
		if doc, err := parser.ParseHeredoc(w); err == nil && doc != nil {
			return c, fmt.Errorf("COMPONENT takes Wasm files, not a here-document (%s)", w)
		}
	}
	if last := len(c.sources) - 1; !named && last > 0 && looksLikeName(c.sources[last]) {
		named, c.name, c.sources = true, c.sources[last], c.sources[:last]
	}
	c.download = slices.ContainsFunc(c.sources, isURL) || checksum
	return c, c.check(named, from, checksum)
}

func (c componentArguments) check(named, from, checksum bool) error {
	switch {
	case len(c.sources) == 0:
		return errors.New("COMPONENT needs a Wasm file, for example: COMPONENT app.wasm")
	case named && c.name == "":
		return errors.New("COMPONENT --name is empty: leave it out and the file's own name is used")
	case named && len(c.sources) > 1:
		return fmt.Errorf("COMPONENT has one name, %q, for %d files: write a COMPONENT line for each, or no name", c.name, len(c.sources))
	case c.download && from:
		return errors.New("COMPONENT --from is for files of a stage, an image or a context, not for a URL")
	case checksum && !slices.ContainsFunc(c.sources, func(s string) bool { return isURL(s) || strings.Contains(s, "$") }):
		return fmt.Errorf("COMPONENT --checksum is for a URL, not for %q", c.sources[0])
	}
	if named && !strings.ContainsAny(c.name, "$\"'\\`") {
		if err := artifact.CheckName(c.name); err != nil {
			return fmt.Errorf("COMPONENT: %w", err)
		}
	}
	return nil
}

// looksLikeName tells a trailing name from one more source: a name has no
// slash, no wildcard and does not end in .wasm. To give such a name, --name
// is there.
func looksLikeName(word string) bool {
	unquoted := strings.Trim(word, `"'`)
	return !strings.ContainsAny(unquoted, `/\*?[`) && !strings.HasSuffix(unquoted, ".wasm")
}

func isURL(word string) bool {
	unquoted := strings.TrimLeft(word, `"'`)
	return strings.HasPrefix(unquoted, "http://") || strings.HasPrefix(unquoted, "https://")
}

// render is the instruction for a Dockerfile, in two parts between which a
// line can be broken.
func (c componentArguments) render(keyword, destination string) (head, tail string, err error) {
	verb := "copy"
	flags := c.flags
	if c.download {
		verb, flags = "add", append([]string{"--unpack=false"}, flags...)
	}
	head, tail, err = jsonWords(c.sources, destination)
	return strings.Join(append(append([]string{likeCase(verb, keyword)}, flags...), head), " "), tail, err
}

// destination is where the files go.
func (c componentArguments) destination(ordinal int, form Form) string {
	if form == Image {
		return "/" + c.name
	}
	dir := "/" + Dir + "/" + OrdinalDir(ordinal) + "/"
	if c.name == "" {
		return dir + FilesDir + "/"
	}
	return dir + NamedDir + "/" + c.name + "/"
}
