// Build-guests builds the end-to-end tests' guests and prints where they are.
//
//	go -C test/e2e run ./guests/cmd/build-guests
//
// They are cached below $SANDBOX_DIR/guests, or .sandbox/guests at the root of
// the repository.
package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/wasmfile/wasmfile/test/e2e/guests"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := build(ctx, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "build-guests:", err)
		os.Exit(1)
	}
}

func build(ctx context.Context, stdout io.Writer) error {
	paths, err := guests.Build(ctx, guests.CacheDir())
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(paths)) {
		path, err := filepath.Abs(paths[name])
		if err != nil {
			return err
		}
		fmt.Fprintln(stdout, name, path)
	}
	return nil
}
