package assemble

import (
	"fmt"
	"slices"
	"strings"

	"github.com/moby/buildkit/util/suggest"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"

	"github.com/wasmfile/wasmfile/frontend/wasmfile"
	"github.com/wasmfile/wasmfile/pkg/artifact"
	"github.com/wasmfile/wasmfile/pkg/wasm"
)

// chooseProcess makes sure that the process which the config starts is a
// component, or a function that it exports: ENTRYPOINT, or else CMD, has to
// name it. A single component becomes the entrypoint when there is none.
func chooseProcess(config *dockerspec.DockerOCIImageConfig, components []artifact.Component) error {
	args := slices.Concat(config.Entrypoint, config.Cmd)
	if only := components[0].Name; len(components) == 1 && len(config.Entrypoint) == 0 {
		if len(args) == 0 || !isName(componentIn(args[0]), only) { // a CMD of arguments
			config.Entrypoint = []string{only}
			return nil
		}
	}
	names := make([]string, 0, len(components))
	for _, c := range components {
		names = append(names, c.Name)
	}
	if len(args) == 0 {
		return processProblem(fmt.Sprintf("which of the components %s starts? Write ENTRYPOINT [%q]", wasmfile.Enumerate(names), names[0]))
	}
	i := slices.IndexFunc(names, func(name string) bool { return isName(componentIn(args[0]), name) })
	if i < 0 {
		return processProblem(noComponent(args[0], names))
	}
	return checkFunction(args[0], components[i])
}

// componentIn is the part of a process's first argument that names the
// component.
func componentIn(arg string) string {
	name, _, _ := strings.Cut(strings.TrimPrefix(arg, "/"), "#")
	return name
}

// isName reports whether a word names a component.
func isName(word, name string) bool {
	return word == name || word == strings.TrimSuffix(name, ".wasm")
}

func noComponent(arg string, names []string) string {
	word := componentIn(arg)
	candidates := slices.Clone(names)
	for _, name := range names {
		candidates = append(candidates, strings.TrimSuffix(name, ".wasm"))
	}
	example := names[0]
	hint := ""
	if nearest, ok := suggest.Search(word, candidates, true); ok {
		example, hint = nearest, fmt.Sprintf(" (did you mean %q?)", nearest)
	}
	if len(names) == 1 {
		return fmt.Sprintf("%q does not name the component %s%s: write ENTRYPOINT [%q], or leave ENTRYPOINT out", arg, names[0], hint, example)
	}
	return fmt.Sprintf("%q names none of the components %s%s: write for example ENTRYPOINT [%q]", arg, wasmfile.Enumerate(names), hint, example)
}

// checkFunction checks the export that a process's first argument names after
// "#". The engine finds a function of the component itself or of an instance
// that it exports, by its own name.
func checkFunction(arg string, component artifact.Component) error {
	_, function, named := strings.Cut(arg, "#")
	if !named {
		return nil
	}
	if component.Info.Kind == wasm.KindComponent {
		function, _, _ = strings.Cut(function, "(") // arguments may follow
	}
	if function == "" {
		return processProblem(fmt.Sprintf("%q names no export after the #", arg))
	}
	found, all := component.Info.FunctionsNamed(function)
	switch {
	case len(found) == 1, len(found) == 0 && !all:
		return nil
	case len(found) > 1:
		return processProblem(fmt.Sprintf("component %s has several functions %q, which the engine cannot tell apart: %s", component.Name, function, wasmfile.Enumerate(found)))
	}
	return processProblem(noFunction(function, component))
}

func noFunction(function string, component artifact.Component) string {
	if len(component.Info.Functions) == 0 {
		return fmt.Sprintf("component %s exports no function %q, and no other", component.Name, function)
	}
	var names []string
	for _, f := range component.Info.Functions {
		if component.Info.Kind == wasm.KindComponent {
			f = f[strings.LastIndex(f, "#")+1:]
		}
		names = append(names, f)
	}
	hint := ""
	if nearest, ok := suggest.Search(function, names, true); ok {
		hint = fmt.Sprintf(" (did you mean %q?)", nearest)
	}
	return fmt.Sprintf("component %s exports no function %q%s; it has %s", component.Name, function, hint, wasmfile.Enumerate(names))
}

func processProblem(message string) *Problem {
	return &Problem{Subject: SubjectProcess, Message: message}
}
