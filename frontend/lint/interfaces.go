package lint

import (
	"slices"
	"strings"

	"github.com/wasmfile/wasmfile/pkg/wasm"
)

// wasiPackages are those that a version of WASI consists of. Other packages
// wasi:* are proposals, with versions of their own.
var wasiPackages = []string{"cli", "clocks", "filesystem", "http", "io", "random", "sockets"}

// key is the same for names that fit each other: the same interface in
// compatible versions.
func key(name string) string {
	base, version, ok := strings.Cut(name, "@")
	if !ok {
		return base
	}
	return base + "@" + wasm.Track(version)
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
		if v := wasm.Track(release); !slices.Contains(versions, v) && (v == "0.2" || v == "0.3") {
			versions = append(versions, v)
		}
	}
	slices.Sort(versions)
	return versions
}
