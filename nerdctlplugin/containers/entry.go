package containers

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/containerd/nerdctl/v2/pkg/api/types"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/wasmfile/wasmfile/nerdctlplugin/advice"
	"github.com/wasmfile/wasmfile/pkg/artifact"
	"github.com/wasmfile/wasmfile/pkg/unpack"
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

// invoked are the component and the call that Invoke names. Without a component it is the
// one that would be started.
func invoked(a *artifact.Artifact, o RunOptions) (component, call string) {
	component, call, named := strings.Cut(o.Invoke, "#")
	if named && !strings.Contains(component, "(") { // a "#" in a call's arguments
		return component, call
	}
	component, _, _ = strings.Cut(firstArgument(a, nil, o.Create), "#")
	return component, o.Invoke
}

// invoke makes the call of an export the entrypoint.
func invoke(a *artifact.Artifact, o *RunOptions) error {
	if o.Invoke == "" {
		return nil
	}
	component, call := invoked(a, *o)
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

// checkPulled returns an error that matches unpack.ErrIncomplete when the component that a
// container starts was left out of the pull.
func checkPulled(image *unpack.Image, args []string, o RunOptions) error {
	if len(image.Missing) == 0 {
		return nil
	}
	first := firstArgument(image.Artifact, args, o.Create)
	if o.Invoke != "" {
		first, _ = invoked(image.Artifact, o)
	}
	entry, err := artifact.Select(image.Artifact.WasmLayers(), first)
	if err != nil {
		return nil // which is said with what there is to choose from
	}
	if slices.ContainsFunc(image.Missing, func(l ocispec.Descriptor) bool { return l.Digest == entry.Layer.Digest }) {
		return fmt.Errorf("%s: %w: component %s was left out when it was pulled", image.Record.Name, unpack.ErrIncomplete, artifact.Name(entry.Layer))
	}
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
