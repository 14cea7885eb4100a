package action

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/wasmfile/wasmfile/pkg/artifact"
)

// runwasi are the shims of the runwasi project that run one module or component
// and nothing else. Its other ones have formats of their own.
var runwasi = regexp.MustCompile(`^io\.containerd\.(wasmtime|wasmedge|wasmer|wamr)\.v\d+$`)

// checkRuntime refuses, before there is a container, what a runtime cannot run.
func checkRuntime(a *artifact.Artifact, runtime string) error {
	layers := a.WasmLayers()
	if len(layers) < 2 || !runwasi.MatchString(runtime) {
		return nil
	}
	return fmt.Errorf("runtime %s runs artifacts of one component, and this has %s: leave out --runtime, or make an artifact of the one to run with `nerdctl wasm export` and `nerdctl wasm import`", runtime, strings.Join(artifact.Names(layers), ", "))
}
