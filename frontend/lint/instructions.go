package lint

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"

	"github.com/wasmfile/wasmfile/frontend/wasmfile"
)

// at is a finding at a word of an instruction, or at the whole of it.
func at(file *wasmfile.File, i wasmfile.Instruction, word, message string) finding {
	return finding{message: message, location: file.Word(i.Location, word), comments: i.Comments}
}

// wasmInFilesystem finds Wasm that is copied as a file into an artifact. In an
// image for a Wasm platform, files are what was asked for.
func wasmInFilesystem(file *wasmfile.File, form wasmfile.Form) []finding {
	if form != wasmfile.Artifact {
		return nil
	}
	var found []finding
	for _, i := range file.Instructions {
		var files instructions.SourcesAndDest
		flags := ""
		switch c := i.Command.(type) {
		case *instructions.CopyCommand:
			files = c.SourcesAndDest
			if c.From != "" {
				flags = "--from=" + c.From + " "
			}
		case *instructions.AddCommand:
			files = c.SourcesAndDest
		}
		for _, source := range files.SourcePaths {
			component := source
			if !isWasmPath(source) {
				if !isWasmPath(files.DestPath) {
					continue
				}
				component = "--name=" + path.Base(files.DestPath) + " " + source
			}
			found = append(found, at(file, i, source, fmt.Sprintf("%s makes a file of %s, which nothing starts; to make it a component, write COMPONENT %s%s",
				strings.ToUpper(i.Command.Name()), source, flags, component)))
		}
	}
	return found
}

// isWasmPath tells by the end of its name whether a path or URL is of Wasm.
func isWasmPath(source string) bool {
	source, _, _ = strings.Cut(source, "?")
	source, _, _ = strings.Cut(source, "#")
	return strings.EqualFold(path.Ext(source), ".wasm")
}

// healthcheckInShell finds a HEALTHCHECK in shell form.
func healthcheckInShell(file *wasmfile.File, _ wasmfile.Form) []finding {
	i, test := healthcheck(file)
	if len(test) == 0 || test[0] != "CMD-SHELL" {
		return nil
	}
	return []finding{at(file, i, "", "HEALTHCHECK in shell form needs /bin/sh, which a Wasm artifact does not have: every check would fail; "+healthcheckAdvice)}
}

const healthcheckAdvice = `write HEALTHCHECK CMD ["component", "argument"], or HEALTHCHECK NONE`

// healthcheck is the HEALTHCHECK that takes effect, the last, and what it has checks
// execute: CMD or CMD-SHELL, and the words.
func healthcheck(file *wasmfile.File) (at wasmfile.Instruction, test []string) {
	for _, i := range slices.Backward(file.Instructions) {
		if c, ok := i.Command.(*instructions.HealthCheckCommand); ok && c.Health != nil {
			return i, c.Health.Test
		}
	}
	return at, nil
}

// unusedShell finds a SHELL of the target that no RUN comes after. Those of
// stages that the target is FROM may be for yet other stages.
func unusedShell(file *wasmfile.File, _ wasmfile.Form) []finding {
	var found []finding
	for n, i := range file.Instructions {
		if _, ok := i.Command.(*instructions.ShellCommand); ok && !i.Inherited && !usesShell(file.Instructions[n+1:]) {
			found = append(found, at(file, i, "", "SHELL has no effect: no RUN comes after it, and ENTRYPOINT and CMD of an artifact need no shell"))
		}
	}
	return found
}

// usesShell reports whether a RUN comes before the next SHELL.
func usesShell(rest []wasmfile.Instruction) bool {
	for _, i := range rest {
		switch c := i.Command.(type) {
		case *instructions.RunCommand:
			if c.PrependShell {
				return true
			}
		case *instructions.ShellCommand:
			return false
		}
	}
	return false
}

// unknownUser finds a USER that is a name, in an artifact in which nothing can
// bring the file that it is looked up in. An earlier one is for RUN.
func unknownUser(file *wasmfile.File, _ wasmfile.Form) []finding {
	if file.Base != nil {
		return nil
	}
	var found []finding
	for _, i := range file.Instructions {
		if c, ok := i.Command.(*instructions.UserCommand); ok {
			found = nil
			if database := userDatabase(c.User); database != "" && !slices.ContainsFunc(file.Instructions, canBring(database)) {
				found = []finding{at(file, i, c.User, fmt.Sprintf("USER %s has a name, and nothing brings a file %s to look it up in: no container starts; write numbers, such as USER 65534", c.User, database))}
			}
		}
	}
	return found
}

// userDatabase is the file that says which number a USER is; empty when none is
// needed, and when a variable hides it.
func userDatabase(value string) string {
	user, group, _ := strings.Cut(value, ":")
	isName := func(s string) bool {
		_, err := strconv.Atoi(s)
		return s != "" && err != nil
	}
	switch {
	case strings.Contains(value, "$"):
		return ""
	case isName(user):
		return "/etc/passwd"
	case isName(group):
		return "/etc/group"
	}
	return ""
}

// canBring reports whether an instruction can make a file of this path.
func canBring(file string) func(wasmfile.Instruction) bool {
	return func(i wasmfile.Instruction) bool {
		destination := ""
		switch c := i.Command.(type) {
		case *instructions.CopyCommand:
			destination = c.DestPath
		case *instructions.AddCommand:
			destination = c.DestPath
		case *instructions.RunCommand, *instructions.OnbuildCommand:
			return true
		default:
			return false
		}
		destination = path.Clean(destination)
		return !path.IsAbs(destination) || strings.Contains(destination, "$") || destination == "/" || destination == file || strings.HasPrefix(file, destination+"/")
	}
}

// onbuildNeverRuns finds triggers of the target itself: those of a stage that
// it is FROM have run already.
func onbuildNeverRuns(file *wasmfile.File, form wasmfile.Form) []finding {
	if form != wasmfile.Artifact {
		return nil
	}
	var found []finding
	for _, i := range file.Instructions {
		if c, ok := i.Command.(*instructions.OnbuildCommand); ok && !i.Inherited {
			found = append(found, at(file, i, "", fmt.Sprintf("ONBUILD never runs %s: nothing can be built FROM an artifact", c.Expression)))
		}
	}
	return found
}

var (
	// secretWord and publicWord are what BuildKit's rule SecretsUsedInArgOrEnv
	// goes by for variables, in names of labels and options.
	secretWord = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`(?i)(?:^|[-_.])(?:apikey|auth|credentials?|key|password|pword|passwd|secret|token)(?:[-_.]|$)`)
	})
	publicWord = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(?i)(?:^|[-_.])(?:public|file|version)(?:[-_.]|$)`) })
)

// looksSecret tells by its name whether a value is secret.
func looksSecret(name string) bool {
	return secretWord().MatchString(name) && !publicWord().MatchString(name)
}

// secretsInMetadata finds secrets in what an artifact publishes beside its
// environment, which BuildKit looks at.
func secretsInMetadata(file *wasmfile.File, _ wasmfile.Form) []finding {
	var found []finding
	for _, i := range file.Instructions {
		keyword, names := published(i)
		for _, name := range names {
			found = append(found, at(file, i, name, fmt.Sprintf("%s publishes %q with the artifact: give secrets to the container when it starts", keyword, name)))
		}
	}
	return found
}

// published are the names in an instruction that look as if they had a secret
// for their value.
func published(i wasmfile.Instruction) (keyword string, names []string) {
	keys := i.Keys
	keyword = "ANNOTATION"
	if i.Command != nil {
		keyword = strings.ToUpper(i.Command.Name())
	}
	switch c := i.Command.(type) {
	case *instructions.LabelCommand:
		for _, kv := range c.Labels {
			keys = append(keys, strings.Trim(kv.Key, `"'`))
		}
	case *instructions.EntrypointCommand:
		return keyword, secretOptions(c.CmdLine)
	case *instructions.CmdCommand:
		return keyword, secretOptions(c.CmdLine)
	}
	for _, key := range keys {
		// What comes before the last dot is a domain.
		if looksSecret(key[strings.LastIndex(key, ".")+1:]) {
			names = append(names, key)
		}
	}
	return keyword, names
}

// secretOptions are the options --name=value and --name value of a command
// line with such a name, unless the value is the path of a file.
func secretOptions(words []string) []string {
	var names []string
	for n, word := range words {
		option, value, hasValue := strings.Cut(word, "=")
		if !hasValue && n+1 < len(words) {
			value, hasValue = words[n+1], !strings.HasPrefix(words[n+1], "-")
		}
		isPath := strings.HasPrefix(value, "/") || strings.HasPrefix(value, "./")
		if strings.HasPrefix(option, "-") && hasValue && !isPath && looksSecret(strings.TrimLeft(option, "-")) {
			names = append(names, option)
		}
	}
	return names
}
