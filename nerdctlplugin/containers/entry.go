package containers

import (
	"errors"
	"slices"
	"strings"

	"github.com/containerd/nerdctl/v2/pkg/api/types"

	"github.com/wasmfile/wasmfile/nerdctlplugin/advice"
	"github.com/wasmfile/wasmfile/pkg/artifact"
)

// checkEntry makes sure that the process's first argument chooses a component,
// so that there is no container when it does not. Whether it is a file of an
// image the shim sees, which has the files.
func checkEntry(a *artifact.Artifact, args []string, o types.ContainerCreateOptions) error {
	first := firstArgument(a, args, o)
	if a.Form != artifact.FormImage {
		_, err := artifact.Select(a.WasmLayers(), first)
		return err
	}
	if first == "" {
		return advice.Add(errors.New("the image has no ENTRYPOINT that names the file to start"), "give the path of one as an argument")
	}
	return nil
}

// firstArgument is what args[0] of the process will be.
func firstArgument(a *artifact.Artifact, args []string, o types.ContainerCreateOptions) string {
	config := a.Config.Config
	process := slices.Concat(config.Entrypoint, config.Cmd)
	switch {
	case o.EntrypointChanged:
		process = slices.Concat(o.Entrypoint, args)
	case len(args) > 0:
		process = slices.Concat(config.Entrypoint, args)
	}
	if len(process) == 0 {
		return ""
	}
	return process[0]
}

// invoke makes the call of an export the entrypoint.
func invoke(a *artifact.Artifact, o *RunOptions) error {
	if o.Invoke == "" {
		return nil
	}
	component, call, named := strings.Cut(o.Invoke, "#")
	if !named || strings.Contains(component, "(") { // a "#" in a call's arguments
		component, _, _ = strings.Cut(firstArgument(a, nil, o.Create), "#")
		call = o.Invoke
	}
	if a.Form != artifact.FormImage {
		entry, err := artifact.Select(a.WasmLayers(), component)
		if err != nil {
			return err
		}
		component = artifact.Name(entry.Layer)
	}
	o.Create.Entrypoint = []string{component + "#" + call}
	o.Create.EntrypointChanged = true
	return nil
}

// hostEnv are the variables of the host that an artifact does not set.
func hostEnv(host, image []string) []string {
	isSet := make(map[string]bool)
	for _, variable := range image {
		name, _, _ := strings.Cut(variable, "=")
		isSet[name] = true
	}
	var env []string
	for _, variable := range host {
		if name, _, _ := strings.Cut(variable, "="); name != "" && !isSet[name] {
			env = append(env, variable)
		}
	}
	return env
}
