package assemble

import (
	"fmt"
	"slices"
	"strings"

	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/wasmfile/wasmfile/pkg/artifact"
)

// chooseProcess makes sure that the process which the config starts is a
// component: of several, ENTRYPOINT, or else CMD, has to name one; a single
// one becomes the entrypoint when there is none.
func chooseProcess(config *dockerspec.DockerOCIImageConfig, components []artifact.Component) error {
	layers := namedLayers(components)
	names := artifact.Names(layers)
	args := slices.Concat(config.Entrypoint, config.Cmd)
	if len(components) == 1 {
		if len(config.Entrypoint) == 0 && (len(args) == 0 || !isName(args[0], names[0])) {
			config.Entrypoint = names
		}
		return nil
	}
	if len(args) == 0 {
		return processProblem(fmt.Sprintf("which of the components %s starts? Write ENTRYPOINT [%q]", strings.Join(names, ", "), names[0]))
	}
	if _, err := artifact.Select(layers, args[0]); err != nil {
		return processProblem(fmt.Sprintf("%q names none of the components %s: write for example ENTRYPOINT [%q]", args[0], strings.Join(names, ", "), names[0]))
	}
	return nil
}

// namedLayers are descriptors that have the components' names.
func namedLayers(components []artifact.Component) []ocispec.Descriptor {
	layers := make([]ocispec.Descriptor, 0, len(components))
	for _, c := range components {
		layers = append(layers, ocispec.Descriptor{
			Digest:      digest.FromString(c.Name), // not known yet, and no name
			Annotations: map[string]string{ocispec.AnnotationTitle: c.Name},
		})
	}
	return layers
}

// StartFile makes the process that an image's config starts the path of a
// component's file in the root of the image, where an artifact has its name. It
// returns a Problem where an artifact would have one.
func StartFile(config *dockerspec.DockerOCIImageConfig, reports []ComponentReport) *Problem {
	components := make([]artifact.Component, 0, len(reports))
	for _, r := range reports {
		components = append(components, artifact.Component{Name: r.Name, Info: r.Info})
	}
	if problem := problemIn(chooseProcess(config, components)); problem != nil {
		return problem
	}
	words := &config.Entrypoint
	if len(*words) == 0 {
		words = &config.Cmd
	}
	entry, err := artifact.Select(namedLayers(components), (*words)[0])
	if name := artifact.Name(entry.Layer); err == nil && isName((*words)[0], name) {
		*words = slices.Clone(*words)
		(*words)[0] = "/" + name
		if entry.Func != "" {
			(*words)[0] += "#" + entry.Func
		}
	}
	return nil
}

// checkCNCF refuses what the form cncf cannot hold: several components, or a
// process that is more than the name of the one.
func checkCNCF(config dockerspec.DockerOCIImageConfig, components []ComponentReport) error {
	if n := len(components); n > 1 {
		return componentProblem(fmt.Sprintf("form cncf holds one component, and there are %d, %s and %s among them: make an artifact of each, or use form oci",
			n, components[0].Name, components[1].Name), components[1].Ordinal, components[0].Ordinal)
	}
	name := components[0].Name
	args := slices.Concat(config.Entrypoint, config.Cmd)
	if len(args) == 0 || len(args) == 1 && !strings.Contains(args[0], "#") && isName(args[0], name) {
		return nil
	}
	return processProblem(fmt.Sprintf("form cncf holds no process to start, and %q is more than the component's name %q: leave it out, or use form oci", args, name))
}

// isName reports whether a process's first argument names a component.
func isName(arg, name string) bool {
	arg, _, _ = strings.Cut(strings.TrimPrefix(arg, "/"), "#")
	return arg == name || arg == strings.TrimSuffix(name, ".wasm")
}

func processProblem(message string) *Problem {
	return &Problem{Subject: SubjectProcess, Message: message}
}
