// The sandbox command starts and stops the private daemons that the demo, the
// end-to-end tests and the benchmarks use.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"

	"github.com/wasmfile/wasmfile/test/e2e/sandbox"
)

const usage = `usage: sandbox VERB

  up                    build the tools, start the daemons, make the base images
  down                  stop everything that up started; keep caches and data
  purge                 down, and remove the daemons' data
  env                   print shell exports
  status                show daemons, tools and images
  engine                get the wasmtime executable and print where it is
  push-frontend LAYOUT  push the frontend's image, an OCI layout, to the registry

SANDBOX_DIR says where it is, .sandbox in the repository when unset.`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "sandbox:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	s, err := sandbox.Open(os.Stderr)
	if err != nil {
		return err
	}
	switch {
	case len(args) == 1 && args[0] == "up":
		return s.Up(ctx)
	case len(args) == 1 && args[0] == "down":
		return s.Down(ctx)
	case len(args) == 1 && args[0] == "purge":
		return s.Purge(ctx)
	case len(args) == 1 && args[0] == "env":
		return s.PrintEnv(os.Stdout)
	case len(args) == 1 && args[0] == "status":
		return s.PrintStatus(ctx, os.Stdout)
	case len(args) == 1 && args[0] == "engine":
		path, err := s.Engine(ctx)
		if err == nil {
			fmt.Println(path)
		}
		return err
	case len(args) == 2 && args[0] == "push-frontend":
		return s.PushFrontend(ctx, args[1])
	}
	return fmt.Errorf("%s", usage)
}
