package lint

import (
	"slices"
	"strings"

	"github.com/wasmfile/wasmfile/pkg/wasm"
)

// hostInterfaces are the interfaces of WASI that the shim's engine provides,
// by version. wasi:http is among them: the engine provides it when it serves,
// and to a command that may use the network.
var hostInterfaces = map[string][]string{
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

// wasiPackages are those that a version of WASI consists of. Other packages
// wasi:* are proposals, with versions of their own.
var wasiPackages = []string{"cli", "clocks", "filesystem", "http", "io", "random", "sockets"}

// hostModules are the modules that the engine provides to core modules.
var hostModules = []string{"wasi_snapshot_preview1", "wasi_unstable"}

// hostProvides reports whether the shim's engine provides an import.
func hostProvides(kind wasm.Kind, name string) bool {
	if kind == wasm.KindModule {
		return slices.Contains(hostModules, name)
	}
	base, version, _ := strings.Cut(name, "@")
	return slices.Contains(hostInterfaces[track(version)], base)
}

// key is the same for names that fit each other: the same interface in
// compatible versions.
func key(name string) string {
	base, version, ok := strings.Cut(name, "@")
	if !ok {
		return base
	}
	return base + "@" + track(version)
}

// track is what compatible versions have in common, by the component model's
// rules for names: the numbers up to the first that is not 0, and all of a
// version that is not released.
func track(version string) string {
	version, _, _ = strings.Cut(version, "+")
	if strings.Contains(version, "-") {
		return version
	}
	numbers := strings.Split(version, ".")
	for i, n := range numbers {
		if n != "0" {
			return strings.Join(numbers[:i+1], ".")
		}
	}
	return version
}

// wasiVersions are the versions of WASI that a binary's imports and exports
// name, sorted; there are none for one that uses no WASI.
func wasiVersions(info *wasm.Info) []string {
	if info.Kind == wasm.KindModule {
		if info.WASI == 0 {
			return nil
		}
		return []string{info.WASI.Version()}
	}
	var versions []string
	for _, name := range slices.Concat(info.Imports, info.Exports) {
		base, version, _ := strings.Cut(name, "@")
		pkg, _, _ := strings.Cut(strings.TrimPrefix(base, "wasi:"), "/")
		if !strings.HasPrefix(base, "wasi:") || !slices.Contains(wasiPackages, pkg) {
			continue
		}
		release, _, _ := strings.Cut(version, "-")
		if v := track(release); !slices.Contains(versions, v) && (v == "0.2" || v == "0.3") {
			versions = append(versions, v)
		}
	}
	slices.Sort(versions)
	return versions
}
