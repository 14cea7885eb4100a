//go:build linux

// Command wasmfile-traces sends the spans that a shim recorded, and writes to
// its standard input, to an OpenTelemetry collector. The shim starts it.
package main

import (
	"os"

	"github.com/wasmfile/wasmfile/shim/traceexport"
)

func main() {
	os.Exit(traceexport.Main(os.Stdin, os.Stderr))
}
