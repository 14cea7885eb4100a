//go:build linux

// Command containerd-shim-wasmfile-v1 is containerd's shim for the runtime
// io.containerd.wasmfile.v1, which runs WebAssembly in OCI containers.
package main

import (
	"os"

	_ "github.com/wasmfile/wasmfile/shim/launch" // ends the process when it is for a start or a delete
	"github.com/wasmfile/wasmfile/shim/task"
)

func main() {
	os.Exit(task.Main(os.Args, os.Stderr))
}
