package wasmfile

import (
	"cmp"
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/util/suggest"

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

// ownFlags are those that only COMPONENT has.
var ownFlags = []string{"name", "media-type", "optional"}

// fileFlags are flags of COPY and ADD that have no meaning for a component.
var fileFlags = []string{"chown", "chmod", "parents", "keep-git-dir", "unpack"}

// componentArguments is what a COMPONENT says.
type componentArguments struct {
	// flags are for COPY or ADD, as written.
	flags []flag
	// sources are as written, with their variables and quotes.
	sources []string
	// name is as written, empty when the files keep their names.
	name string
	// from is the value of --from, empty for the build context.
	from string
	// fromComponents says that from is a stage with a COMPONENT.
	fromComponents bool
	// context is what takes the place of --from in a rendering, if anything,
	// and available are the files in it.
	context   string
	available []string
	// mediaType is of the layers, empty for the usual one.
	mediaType string
	// optional says that wildcards need not match.
	optional bool
	// download says that ADD is needed: a source is a URL.
	download bool
}

func parseComponent(rest string, escape rune) (componentArguments, error) {
	flags, arguments := splitFlags(rest, escape)
	var c componentArguments
	given := make(map[string]bool)
	for _, f := range flags {
		if given[f.name] && f.name != "exclude" {
			return c, fmt.Errorf("COMPONENT has --%s twice", f.name)
		}
		given[f.name] = true
		if err := c.setFlag(f); err != nil {
			return c, err
		}
	}
	c.sources = pathWords(arguments)
	for _, w := range c.sources {
		if doc, err := parser.ParseHeredoc(w); err == nil && doc != nil {
			return c, c.heredocError(w)
		}
	}
	if i := slices.IndexFunc(c.sources, isFlag); i >= 0 {
		return c, fmt.Errorf("COMPONENT %s is not a file: flags begin with two dashes, and come before the files", c.sources[i])
	}
	if err := checkPaths(arguments, c.sources, escape); err != nil {
		return c, err
	}
	if last := len(c.sources) - 1; last > 0 && isRoot(c.sources[last]) {
		return c, fmt.Errorf("COMPONENT has no destination, and %q would be one more source, the whole of it: leave it out; a last word without a slash is the component's name", c.sources[last])
	}
	if last := len(c.sources) - 1; !given["name"] && c.isWasm() && last > 0 && looksLikeName(c.sources[last]) {
		given["name"], c.name, c.sources = true, c.sources[last], c.sources[:last]
	}
	c.download = slices.ContainsFunc(c.sources, isURL) || given["checksum"]
	return c, c.check(given)
}

// checkPaths returns an error for arguments that were meant as an array or a comment,
// and for paths that were cut at a space, because nothing groups words but an array.
func checkPaths(arguments string, words []string, escape rune) error {
	if len(words) == 0 || words[0] != strings.Fields(arguments)[0] {
		return nil // an array
	}
	if looksLikeArray(arguments) {
		return fmt.Errorf("COMPONENT %s is neither a JSON array of strings nor paths: write, for example, COMPONENT [\"my app.wasm\"]", arguments)
	}
	for i, word := range words {
		if i > 0 && strings.HasPrefix(word, "#") {
			return fmt.Errorf("COMPONENT %s: a comment has a line of its own; a file of this name is ./%s", arguments, word)
		}
		quoted := strings.HasPrefix(word, `"`) || strings.HasPrefix(word, "'")
		if quoted && strings.Count(word, word[:1]) == 1 || i < len(words)-1 && strings.HasSuffix(word, string(escape)) {
			return fmt.Errorf("COMPONENT %s: a path with a space is written in a JSON array, as in COMPONENT [\"my app.wasm\"]", arguments)
		}
	}
	return nil
}

// looksLikeArray tells an array without double quotes, or with a comma too much,
// from a wildcard.
func looksLikeArray(arguments string) bool {
	if strings.HasPrefix(arguments, `["`) || strings.HasPrefix(arguments, "['") {
		return true
	}
	inside, _ := strings.CutPrefix(arguments, "[")
	inside, closed := strings.CutSuffix(inside, "]")
	return closed && len(inside) == len(arguments)-2 && strings.Contains(inside, ".wasm") && !strings.ContainsAny(inside, "[]")
}

func (c *componentArguments) setFlag(f flag) error {
	switch {
	case slices.Contains(copyFlags, f.name):
		c.flags = append(c.flags, f)
		if f.name == "from" {
			c.from = f.value
		}
	case f.name == "name":
		c.name = f.value
	case f.name == "media-type":
		c.mediaType = f.value
		if err := artifact.CheckMediaType(f.value); err != nil {
			return fmt.Errorf("COMPONENT --media-type: %w", err)
		}
	case f.name == "optional":
		var err error
		if c.optional, err = strconv.ParseBool(cmp.Or(f.value, "true")); err != nil {
			return fmt.Errorf("COMPONENT --optional is true or false, not %q", f.value)
		}
	case slices.Contains(fileFlags, f.name):
		return fmt.Errorf("COMPONENT has no flag --%s: a component is a layer of its own, without owner, mode or directory; use COPY for files of the root filesystem", f.name)
	default:
		var known []string
		for _, name := range slices.Concat(copyFlags, ownFlags) {
			known = append(known, "--"+name)
		}
		return suggest.WrapError(fmt.Errorf("COMPONENT has no flag --%s: it has %s", f.name, strings.Join(known, ", ")), "--"+f.name, known, true)
	}
	return nil
}

// isWasm reports whether the files are to be WebAssembly.
func (c componentArguments) isWasm() bool {
	return c.mediaType == "" || artifact.IsWasmLayer(c.mediaType)
}

func (c componentArguments) heredocError(word string) error {
	if c.isWasm() {
		return fmt.Errorf("COMPONENT takes binary files, and a here-document (%s) is text: make a binary of it in a build stage, by `wasm-tools parse` or `wat2wasm`, and take that with COMPONENT --from=<stage>", word)
	}
	return fmt.Errorf("COMPONENT takes files, not a here-document (%s): write it to a file in a build stage and take that with COMPONENT --from=<stage>", word)
}

func (c componentArguments) check(given map[string]bool) error {
	dynamic := slices.ContainsFunc(c.sources, IsDynamic)
	switch {
	case len(c.sources) == 0:
		return errors.New("COMPONENT needs a Wasm file, for example: COMPONENT app.wasm")
	case given["name"] && c.name == "":
		return errors.New("COMPONENT --name is empty: leave it out and the file's own name is used")
	case given["name"] && len(c.sources) == 2 && strings.EqualFold(c.sources[1], "as"):
		return fmt.Errorf("COMPONENT has no AS: write COMPONENT %s %s", c.sources[0], c.name)
	case given["name"] && len(c.sources) > 1:
		return fmt.Errorf("COMPONENT has one name, %q, for %d files: write a COMPONENT line for each, or no name", c.name, len(c.sources))
	case given["from"] && strings.Contains(c.from, "$"):
		return fmt.Errorf("COMPONENT --from=%s: variables are not replaced in --from; give what it stands for a name, with FROM %s AS <name> before this stage and an ARG before the first FROM", c.from, c.from)
	case slices.ContainsFunc(c.flags, func(f flag) bool { return f.name == "exclude" && strings.Contains(f.value, "$") }):
		return errors.New("COMPONENT --exclude: variables are not replaced in patterns: write the pattern itself")
	case strings.Contains(c.from, "://"):
		return fmt.Errorf("COMPONENT --from=%s: it is the name of a stage, an image, an artifact or a context, not an address; a file that has one is a source: COMPONENT https://example.com/app.wasm", c.from)
	case slices.ContainsFunc(c.sources, isOtherURL):
		return fmt.Errorf("COMPONENT %s: a source is a path, or a URL that begins with https:// or http://; to take the components of an artifact in a registry, write COMPONENT --from=registry.example/app:1 *", strings.Join(c.sources, " "))
	case c.download && given["from"]:
		return errors.New("COMPONENT --from is for files of a stage, an image, an artifact or a context, not for a URL")
	case given["checksum"] && !dynamic && !slices.ContainsFunc(c.sources, isURL):
		return fmt.Errorf("COMPONENT --checksum is for a URL, not for %q", c.sources[0])
	case !dynamic && slices.ContainsFunc(c.sources, isBrokenPattern):
		return fmt.Errorf("COMPONENT %s: a \"[\" of a wildcard has no \"]\"; one that is part of a name is written [[]", strings.Join(c.sources, " "))
	case c.optional && !dynamic && !slices.ContainsFunc(c.sources, hasWildcard):
		return fmt.Errorf("COMPONENT --optional is for wildcards that may match nothing: %q has none", c.sources[0])
	}
	if given["name"] && !IsDynamic(c.name) {
		if err := artifact.CheckName(c.name); err != nil {
			return fmt.Errorf("COMPONENT: %w", err)
		}
	}
	return nil
}

// IsDynamic reports whether a word of Sources may stand for another: it has a
// variable, a quote or an escape.
func IsDynamic(word string) bool { return strings.ContainsAny(word, "$\"'\\`") }

func hasWildcard(word string) bool { return strings.ContainsAny(word, "*?[") }

// isBrokenPattern reports whether wildcards cannot be understood. Of a URL there are
// none.
func isBrokenPattern(word string) bool {
	_, err := path.Match(word, "")
	return err != nil && !isURL(word)
}

// looksLikeName tells a trailing name from one more source: a name has no
// slash, no wildcard and does not end in .wasm or .WASM. To give such a name, --name
// is there.
func looksLikeName(word string) bool {
	unquoted := strings.Trim(word, `"'`)
	return !strings.ContainsAny(unquoted, `/\*?[`) && !strings.EqualFold(path.Ext(unquoted), ".wasm")
}

// isRoot reports whether a path is that of the whole context or stage, as the
// destination of a COPY often is.
func isRoot(path string) bool { return strings.Trim(path, "./") == "" }

// isFlag reports whether a word that is to be a file is one of the flags, be it with
// one dash.
func isFlag(word string) bool {
	flag := strings.TrimLeft(word, "-")
	name, _, _ := strings.Cut(flag, "=")
	return flag != word && slices.Contains(slices.Concat(copyFlags, ownFlags), name)
}

func isURL(word string) bool {
	unquoted := strings.TrimLeft(word, `"'`)
	return strings.HasPrefix(unquoted, "http://") || strings.HasPrefix(unquoted, "https://")
}

// isOtherURL reports whether a word is a URL from which nothing can be downloaded. Of
// Git repositories BuildKit says what is wrong.
func isOtherURL(word string) bool {
	scheme, _, ok := strings.Cut(strings.TrimLeft(word, `"'`), "://")
	return ok && !isURL(word) && !strings.ContainsAny(scheme, "/$") && scheme != "git" && scheme != "ssh"
}

// render is the instruction for a Dockerfile, in two parts between which a
// line can be broken.
func (c componentArguments) render(keyword, destination string) (head, tail string, err error) {
	words := []string{likeCase("copy", keyword)}
	if c.download {
		words = []string{likeCase("add", keyword), "--unpack=false"}
	}
	for _, f := range c.flags {
		if f.name == "from" && c.context != "" {
			f.raw = "--from=" + c.context
		}
		words = append(words, f.raw)
	}
	head, tail, err = jsonWords(c.sources, destination)
	return strings.Join(append(words, head), " "), tail, err
}

// NameAt is the name that the COMPONENT of an ordinal gives to its file, read
// from where the form Components has it copied; empty when the file keeps its
// own. It returns false for another place: a variable in a name can make one.
func NameAt(destination string, ordinal int) (string, bool) {
	dir := "/" + Dir + "/" + OrdinalDir(ordinal) + "/"
	if destination == dir+FilesDir+"/" {
		return "", true
	}
	name, named := strings.CutPrefix(destination, dir+NamedDir+"/")
	name = strings.TrimSuffix(name, "/")
	return name, named && artifact.CheckName(name) == nil
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
