package action

import (
	"slices"
	"strings"

	"github.com/containerd/nerdctl/v2/pkg/api/types"

	"github.com/wasmfile/wasmfile/pkg/artifact"
)

// checkEntry makes sure that the process's first argument chooses a component,
// so that there is no container when it does not.
func checkEntry(a *artifact.Artifact, args []string, o types.ContainerCreateOptions) error {
	_, err := artifact.Select(a.WasmLayers(), firstArgument(a, args, o))
	return err
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
	entry, err := artifact.Select(a.WasmLayers(), component)
	if err != nil {
		return err
	}
	o.Create.Entrypoint = []string{artifact.Name(entry.Layer) + "#" + call}
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
