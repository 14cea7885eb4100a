// Package host knows what the runtime of this project provides to the binaries
// that it starts: the interfaces that its engine implements with the flags that
// the shim gives to it.
package host

import (
	"slices"
	"strings"

	"github.com/wasmfile/wasmfile/pkg/wasm"
)

// interfaces are those of WASI, by version. wasi:http is among them: the engine
// provides it when it serves, and to a command that may use the network.
var interfaces = map[string][]string{
	"0.2": {
		"wasi:cli/environment", "wasi:cli/exit", "wasi:cli/stdin", "wasi:cli/stdout", "wasi:cli/stderr",
		"wasi:cli/terminal-input", "wasi:cli/terminal-output",
		"wasi:cli/terminal-stdin", "wasi:cli/terminal-stdout", "wasi:cli/terminal-stderr",
		"wasi:clocks/monotonic-clock", "wasi:clocks/wall-clock",
		"wasi:filesystem/preopens", "wasi:filesystem/types",
		"wasi:http/outgoing-handler", "wasi:http/types",
		"wasi:io/error", "wasi:io/poll", "wasi:io/streams",
		"wasi:random/insecure", "wasi:random/insecure-seed", "wasi:random/random",
		"wasi:sockets/instance-network", "wasi:sockets/ip-name-lookup", "wasi:sockets/network",
		"wasi:sockets/tcp", "wasi:sockets/tcp-create-socket", "wasi:sockets/udp", "wasi:sockets/udp-create-socket",
	},
	"0.3": {
		"wasi:cli/environment", "wasi:cli/exit", "wasi:cli/stdin", "wasi:cli/stdout", "wasi:cli/stderr", "wasi:cli/types",
		"wasi:cli/terminal-input", "wasi:cli/terminal-output",
		"wasi:cli/terminal-stdin", "wasi:cli/terminal-stdout", "wasi:cli/terminal-stderr",
		"wasi:clocks/monotonic-clock", "wasi:clocks/system-clock", "wasi:clocks/types",
		"wasi:filesystem/preopens", "wasi:filesystem/types",
		"wasi:http/client", "wasi:http/types",
		"wasi:random/insecure", "wasi:random/insecure-seed", "wasi:random/random",
		"wasi:sockets/ip-name-lookup", "wasi:sockets/types",
	},
}

// modules are what core modules can import from.
var modules = []string{"wasi_snapshot_preview1", "wasi_unstable"}

// Provides reports whether the host provides what a binary of this kind imports
// by this name.
func Provides(kind wasm.Kind, name string) bool {
	if kind == wasm.KindModule {
		return slices.Contains(modules, name)
	}
	base, version, _ := strings.Cut(name, "@")
	return slices.Contains(interfaces[wasm.Track(version)], base)
}
