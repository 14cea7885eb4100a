package assemble

import (
	"fmt"
	"slices"
	"strings"

	"github.com/moby/buildkit/util/suggest"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"

	"github.com/wasmfile/wasmfile/frontend/wasmfile"
	"github.com/wasmfile/wasmfile/pkg/artifact"
	"github.com/wasmfile/wasmfile/pkg/layoutwriter"
	"github.com/wasmfile/wasmfile/pkg/wasm"
)

// chooseProcess makes sure that the process which the config starts is a
// component, or a function that it exports: ENTRYPOINT, or else CMD, has to
// name it. A single component becomes the entrypoint when there is none.
func chooseProcess(config *dockerspec.DockerOCIImageConfig, components []layoutwriter.Component) error {
	args, names := slices.Concat(config.Entrypoint, config.Cmd), namesOf(components)
	i := -1
	if len(args) > 0 {
		i, _ = artifact.Match(names, args[0])
	}
	switch {
	case i >= 0:
		return checkFunction(args[0], components[i])
	case len(components) == 1 && len(config.Entrypoint) == 0: // a CMD has its arguments
		config.Entrypoint = names
		return nil
	case len(args) == 0:
		return processProblem(fmt.Sprintf("which of the components %s starts? Write ENTRYPOINT [%q]", wasmfile.Enumerate(names), names[0]))
	}
	return processProblem(noComponent(args[0], names))
}

// StartFile makes the process that an image's config starts the path of a
// component's file in the root of the image, where an artifact has its name. It
// returns a Problem where an artifact would have one.
func StartFile(config *dockerspec.DockerOCIImageConfig, reports []ComponentReport) *Problem {
	components := make([]layoutwriter.Component, 0, len(reports))
	for _, r := range reports {
		components = append(components, layoutwriter.Component{Name: r.Name, Info: r.Info})
	}
	if problem := problemIn(chooseProcess(config, components)); problem != nil {
		return problem
	}
	words := &config.Entrypoint
	if len(*words) == 0 {
		words = &config.Cmd
	}
	*words = slices.Clone(*words)
	i, function := artifact.Match(namesOf(components), (*words)[0])
	(*words)[0] = "/" + components[i].Name
	if function != "" {
		(*words)[0] += "#" + function
	}
	return nil
}

// checkCNCF refuses what the form cncf cannot hold: several components, layers
// of other types, or a process that is more than the name of the component.
func checkCNCF(spec Spec, components []ComponentReport) error {
	for i, c := range spec.Components {
		if c.MediaType != "" && c.MediaType != artifact.MediaTypeWasm {
			return componentProblem(fmt.Sprintf("form cncf holds a layer of type %s only, not %s: leave out --media-type, or use form oci", artifact.MediaTypeWasm, c.MediaType), i+1)
		}
	}
	if n := len(components); n > 1 {
		return componentProblem(fmt.Sprintf("form cncf holds one component, and there are %d, %s and %s among them: make an artifact of each, or use form oci",
			n, components[0].Name, components[1].Name), components[1].Ordinal, components[0].Ordinal)
	}
	name := components[0].Name
	args := slices.Concat(spec.Config.Config.Entrypoint, spec.Config.Config.Cmd)
	if len(args) == 0 {
		return nil
	}
	if i, function := artifact.Match([]string{name}, args[0]); len(args) == 1 && i == 0 && function == "" {
		return nil
	}
	return processProblem(fmt.Sprintf("form cncf holds no process to start, and %q is more than the component's name %q: leave it out, or use form oci", args, name))
}

func namesOf(components []layoutwriter.Component) []string {
	names := make([]string, 0, len(components))
	for _, c := range components {
		names = append(names, c.Name)
	}
	return names
}

func noComponent(arg string, names []string) string {
	word, _, _ := strings.Cut(strings.TrimPrefix(arg, "/"), "#")
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
func checkFunction(arg string, component layoutwriter.Component) error {
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

func noFunction(function string, component layoutwriter.Component) string {
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
