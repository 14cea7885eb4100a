// Command nerdctl-wasm pulls, runs, pushes, builds and inspects WebAssembly
// artifacts in containerd. Linked as `nerdctl` before the real one in PATH, it
// is `nerdctl wasm`, and the real nerdctl for everything else.
package main

import (
	"fmt"
	"os"

	"github.com/containerd/nerdctl/v2/pkg/logging"

	"github.com/wasmfile/wasmfile/nerdctlplugin/command"
	"github.com/wasmfile/wasmfile/nerdctlplugin/dispatch"
)

func main() {
	// Containers write their logs through nerdctl's logging program, which is
	// the executable that created them.
	if len(os.Args) == 3 && os.Args[1] == logging.MagicArgv1 {
		exitOn(logging.Main(os.Args[2]))
		return
	}
	call, err := dispatch.Route(os.Args, command.GlobalFlags())
	exitOn(err)
	os.Exit(command.Execute(call.Name, call.Args, os.Stdout, os.Stderr))
}

func exitOn(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "nerdctl-wasm:", err)
		os.Exit(1)
	}
}
