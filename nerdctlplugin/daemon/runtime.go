package daemon

import (
	"path/filepath"
	"strings"
)

// DefaultRuntime is containerd's name for the shim that runs Wasm.
const DefaultRuntime = "io.containerd.wasmfile.v1"

// ShimName is the shim's executable.
const ShimName = "containerd-shim-wasmfile-v1"

// IsOwnRuntime reports whether containerd starts this project's shim for a
// runtime: it makes the executable's name of the last two words of the runtime's, or
// is given its path.
func IsOwnRuntime(name string) bool {
	return strings.HasSuffix(name, ".wasmfile.v1") || filepath.IsAbs(name) && filepath.Base(name) == ShimName
}
