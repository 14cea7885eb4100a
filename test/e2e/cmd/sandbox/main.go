// The sandbox command starts and stops the private daemons that the demo, the
// end-to-end tests and the benchmarks use.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/wasmfile/wasmfile/test/e2e/sandbox"
)

const usage = `usage: sandbox VERB

  up                    build the tools, start the daemons, make the base images
  tools                 build the tools, start nothing
  down [--purge]        stop everything that up started; --purge: remove its data
  env                   print shell exports
  status                show daemons, images and tools; fails when one is down
  engine                get the wasmtime executable and print where it is
  runwasi               build the shim for the tests of runwasi's library: minutes
  runwasi-peer          build a shim of runwasi's library for benchmarks: many minutes
  toolchains            make the image for the tests of languages: minutes
  kubernetes            build a Kubernetes cluster of one node: many minutes
  machine FLAG...       run end-to-end tests, with flags as -test.run=TestX, in a
                        machine with systemd and cgroup version 2
  arm64 FLAG...         the same in a machine with an arm64 processor, which is emulated
  services              start the daemons as services of systemd: what machine does
  push-frontend LAYOUT  push the frontend's image, an OCI layout, to the registry

SANDBOX_DIR says where it is, .sandbox in the repository when unset`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
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
	if len(args) == 2 && args[0] == "push-frontend" {
		return s.PushFrontend(ctx, args[1])
	}
	if len(args) > 0 && args[0] == "machine" {
		return s.InMachine(ctx, args[1:])
	}
	if len(args) > 0 && args[0] == "arm64" {
		return s.InArm64(ctx, args[1:])
	}
	switch strings.Join(args, " ") {
	case "services":
		return s.Services(ctx)
	case "up":
		return s.Up(ctx)
	case "tools":
		return s.Tools(ctx)
	case "down":
		return s.Down(ctx)
	case "down --purge":
		return s.Purge(ctx)
	case "env":
		return s.PrintEnv(os.Stdout)
	case "status":
		return s.PrintStatus(ctx, os.Stdout)
	case "runwasi":
		return s.Runwasi(ctx)
	case "runwasi-peer":
		return s.RunwasiPeer(ctx)
	case "toolchains":
		return s.Toolchains(ctx)
	case "kubernetes":
		return s.Kubernetes(ctx)
	case "engine":
		path, err := s.Engine(ctx)
		if err == nil {
			fmt.Println(path)
		}
		return err
	}
	return errors.New(usage)
}
