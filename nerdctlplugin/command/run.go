package command

import (
	"os"

	"github.com/spf13/cobra"

	"github.com/wasmfile/wasmfile/nerdctlplugin/containers"
)

func newRun(g *globals) *cobra.Command {
	var r runFlags
	cmd := &cobra.Command{
		Use:   "run [flags] REF|FILE [ARG...]",
		Short: "Run an artifact",
		Long: `Run an artifact in a new container, after pulling it when it is not there. The
flags are those of nerdctl run, and so is the container: nerdctl ps, logs, stop,
rm, inspect and stats work on it. The exit code is that of the guest. FILE is the
path of a .wasm file or of an OCI image layout, such as ./layout.

With several components, ENTRYPOINT or --entrypoint names the one to run. A
component that handles HTTP requests is served on the lowest EXPOSEd port, or
8080.`,
		Example: `  nerdctl wasm run --rm registry.example/hello
  nerdctl wasm run --rm -i -v "$PWD:/work:ro" registry.example/tools wc /work/file < input
  nerdctl wasm run --rm --entrypoint shout.wasm registry.example/tools
  nerdctl wasm run --rm --dir ./data::/data:ro ./hello.wasm /data/note
  nerdctl wasm run --rm --invoke 'add(1, 2)' registry.example/calculator
  nerdctl wasm run -d --name web -p 8080:8080 --memory 64m registry.example/http
  nerdctl logs web; nerdctl stop web; nerdctl rm web`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o, err := r.options(cmd.Flags(), g)
			if err != nil {
				return err
			}
			o.Stdin, o.Stdout, o.Stderr = os.Stdin, os.Stdout, os.Stderr
			// The setup can be interrupted; afterwards signals are the guest's.
			ctx, stop := interruptible(cmd)
			defer stop()
			o.Ready = func() os.Signal {
				stop()
				return interruption(ctx)
			}
			return containers.Run(ctx, args, o)
		},
		ValidArgsFunction: completeImages(g),
	}
	r.bind(cmd.Flags())
	return cmd
}
