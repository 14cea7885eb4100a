package containers

import (
	"fmt"
	"slices"
	"strings"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/wasmfile/wasmfile/pkg/artifact"
	"github.com/wasmfile/wasmfile/pkg/unpack"
)

// checkPulled returns an error that matches unpack.ErrIncomplete when the
// component that a container starts was left out of the pull.
func checkPulled(image *unpack.Image, o RunOptions) error {
	if len(image.Missing) == 0 {
		return nil
	}
	config := image.Artifact.Config.Config
	process := slices.Concat(config.Entrypoint, config.Cmd)
	if o.Create.EntrypointChanged {
		process = o.Create.Entrypoint
	}
	if component, _, ok := strings.Cut(o.Invoke, "#"); ok {
		process = []string{component}
	}
	if len(process) == 0 { // an argument chooses
		return fmt.Errorf("%s: %w: component %s was left out when it was pulled", image.Record.Name, unpack.ErrIncomplete, artifact.Name(image.Missing[0]))
	}
	entry, err := artifact.Select(image.Artifact.WasmLayers(), process[0])
	if err != nil {
		return nil // which is said with what there is to choose from
	}
	if slices.ContainsFunc(image.Missing, func(l ocispec.Descriptor) bool { return l.Digest == entry.Layer.Digest }) {
		return fmt.Errorf("%s: %w: component %s was left out when it was pulled", image.Record.Name, unpack.ErrIncomplete, artifact.Name(entry.Layer))
	}
	return nil
}
