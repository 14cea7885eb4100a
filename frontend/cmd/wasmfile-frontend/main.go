// Command wasmfile-frontend is the BuildKit frontend for Wasmfiles. Without an
// argument it talks to BuildKit over stdin and stdout; `assemble` and `push` are
// the steps of a build that it runs itself as.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/moby/buildkit/frontend/gateway/grpcclient"
	"github.com/moby/buildkit/util/appcontext"
	_ "github.com/moby/buildkit/util/grpcutil/encoding/proto" // the codec that BuildKit speaks

	"github.com/wasmfile/wasmfile/frontend/assemble"
	"github.com/wasmfile/wasmfile/frontend/gateway"
	"github.com/wasmfile/wasmfile/frontend/push"
	"github.com/wasmfile/wasmfile/pkg/version"
)

func main() {
	if err := run(appcontext.Context(), os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "wasmfile-frontend:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	switch {
	case len(args) == 0:
		return grpcclient.RunFromEnvironment(ctx, gateway.New(gateway.Options{}).Build)
	case len(args) == 1 && args[0] == "assemble":
		return assemble.Run(assemble.Dirs{}, os.Stdout)
	case len(args) == 1 && args[0] == "push":
		return push.Run(ctx, push.Dirs{}, os.Stdout)
	case len(args) == 1 && (args[0] == "version" || args[0] == "--version"):
		fmt.Println(version.String())
		return nil
	}
	return fmt.Errorf("unknown arguments %q: it is started by BuildKit; by hand it knows `version`", args)
}
