// Command manpages writes the manual pages of nerdctl-wasm into a directory:
// `make build` runs it.
package main

import (
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra/doc"

	"github.com/wasmfile/wasmfile/nerdctlplugin/command"
	"github.com/wasmfile/wasmfile/pkg/version"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: manpages DIRECTORY")
		os.Exit(2)
	}
	if err := write(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "manpages:", err)
		os.Exit(1)
	}
}

// write writes a page for each command. The date is no part of what they say,
// so that the same source makes the same pages.
func write(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	root := command.Manual()
	root.DisableAutoGenTag = true
	date := time.Unix(0, 0).UTC()
	return doc.GenManTree(root, &doc.GenManHeader{
		Section: "1", Manual: "Wasmfile", Source: version.String(), Date: &date,
	}, dir)
}
