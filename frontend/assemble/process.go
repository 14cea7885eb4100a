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
	names := make([]string, 0, len(components))
	layers := make([]ocispec.Descriptor, 0, len(components))
	for _, c := range components {
		names = append(names, c.Name)
		layers = append(layers, ocispec.Descriptor{
			Digest:      digest.FromString(c.Name), // not known yet, and no name
			Annotations: map[string]string{ocispec.AnnotationTitle: c.Name},
		})
	}
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

// isName reports whether a process's first argument names a component.
func isName(arg, name string) bool {
	arg, _, _ = strings.Cut(strings.TrimPrefix(arg, "/"), "#")
	return arg == name || arg == strings.TrimSuffix(name, ".wasm")
}

func processProblem(message string) *Problem {
	return &Problem{Subject: SubjectProcess, Message: message}
}
