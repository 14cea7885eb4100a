// Package wasm tells what a WebAssembly binary is: a core module or a
// component, what it imports and exports, which WASI it is written against, and
// the world of a component in WIT.
//
// It walks the whole file, so that one that is truncated or whose sections do
// not add up is found, but it is not a validator: the bodies of functions and
// the types of a component are not checked. It needs a bounded amount of
// memory, whatever the file claims.
package wasm

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// Kind is one of the two kinds of WebAssembly binary.
type Kind string

const (
	// KindModule is a core module.
	KindModule Kind = "module"

	// KindComponent is a component of the component model.
	KindComponent Kind = "component"
)

// WASI is the version of the WebAssembly System Interface that a binary is
// written against: 1 for 0.1 (preview 1), 2 for 0.2, 3 for 0.3, and 0 when it
// uses none that is known.
type WASI int

// Version is how people call the version, such as "0.2", and "-" when it is
// not known.
func (w WASI) Version() string {
	if w == 0 {
		return "-"
	}
	return fmt.Sprintf("0.%d", w)
}

// Info is what Parse finds.
type Info struct {
	// Kind is module or component.
	Kind Kind `json:"kind"`
	// WASI is 1 for a module that imports wasi_snapshot_preview1, 3 for a
	// component that imports or exports an interface wasi:*@0.3, and 2 for
	// other components.
	WASI WASI `json:"wasi,omitempty"`
	// Imports are, sorted and distinct, a component's imported names, or the
	// names of the modules that a core module imports from.
	Imports []string `json:"imports,omitempty"`
	// Exports are, sorted and distinct, the exported names.
	Exports []string `json:"exports,omitempty"`
	// Functions are, sorted and distinct, the exported functions. Those of an
	// instance that a component exports are "instance#function".
	Functions []string `json:"-"`
	// DebugSize is the number of bytes in custom sections that only serve
	// debugging, nested ones included.
	DebugSize int64 `json:"debugSize,omitempty"`

	// hidden says that Functions may not be all.
	hidden bool
	// starts says that a module names a function which runs when it is
	// instantiated.
	starts bool
}

// magic begins every WebAssembly binary.
var magic = []byte("\x00asm")

// IsWasm reports whether a file that begins with header is WebAssembly.
func IsWasm(header []byte) bool { return bytes.HasPrefix(header, magic) }

// ServesHTTP reports whether the component exports a handler of incoming HTTP
// requests.
func (i *Info) ServesHTTP() bool {
	return i.Kind == KindComponent &&
		(i.exportsInterface("wasi:http/incoming-handler", "0.2") || i.exportsInterface("wasi:http/handler", "0.3"))
}

// RunsAsCommand reports whether the binary has a start of its own: _start or a
// start section of a module, wasi:cli/run of a component.
func (i *Info) RunsAsCommand() bool {
	if i.Kind == KindModule {
		return i.starts || slices.Contains(i.Exports, "_start")
	}
	return i.exportsInterface("wasi:cli/run", "")
}

func (i *Info) exportsInterface(name, version string) bool {
	return slices.ContainsFunc(i.Exports, func(export string) bool {
		n, v, ok := strings.Cut(export, "@")
		return ok && n == name && (version == "" || v == version || strings.HasPrefix(v, version+"."))
	})
}

// wasi derives the version from the names.
func (w *walker) wasi(info *Info) WASI {
	if info.Kind == KindModule {
		for _, name := range info.Imports {
			if name == "wasi_snapshot_preview1" || name == "wasi_unstable" {
				return 1
			}
		}
		return 0
	}
	for _, names := range [][]string{info.Imports, info.Exports, w.implemented} {
		if slices.ContainsFunc(names, isWASI3) {
			return 3
		}
	}
	return 2
}

// isWASI3 reports whether an interface is one of WASI 0.3. The version may
// stop at 0.3: names in their canonical form say no more.
func isWASI3(name string) bool {
	_, version, ok := strings.Cut(name, "@")
	return ok && strings.HasPrefix(name, "wasi:") &&
		(version == "0.3" || strings.HasPrefix(version, "0.3."))
}
