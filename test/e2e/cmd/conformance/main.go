// Conformance runs the guest cases through every client on a shim, and prints
// the table:
//
//	eval "$(make -s sandbox-env)"
//	go -C test/e2e run ./cmd/conformance --runtime io.containerd.wasmfile.v1
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/wasmfile/wasmfile/test/e2e/conformance"
)

func main() {
	runtime := flag.String("runtime", "io.containerd.wasmfile.v1", "the shim, by containerd's name for it")
	handler := flag.String("handler", "wasmfile", "the shim, by the name of its handler in containerd's CRI configuration")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	suite := conformance.Suite{
		Runtime: *runtime, Handler: *handler, Log: os.Stderr,
		Nerdctl: filepath.Join(os.Getenv("SANDBOX_DIR"), "tools", "bin", "nerdctl"),
	}
	results, err := suite.Run(ctx)
	if err != nil {
		fmt.Fprintln(os.Stderr, "conformance:", err)
		os.Exit(1)
	}
	fmt.Print(conformance.Table(results))
	for _, r := range results {
		if r.Err != nil {
			os.Exit(1)
		}
	}
}
