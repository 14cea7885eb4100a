package command

import (
	"os"

	"github.com/spf13/cobra"

	"github.com/wasmfile/wasmfile/nerdctlplugin/containers"
)

func newAttach(g *globals) *cobra.Command {
	var o containers.AttachOptions
	cmd := &cobra.Command{
		Use:   "attach [flags] CONTAINER",
		Short: "Attach to a running container",
		Long: `Attach this terminal to that of a running container, as nerdctl attach does. Ctrl-C
and Ctrl-\ send their signals to the guest, as with run; the detach keys leave it alone.`,
		Example: `  nerdctl wasm run -it --name shell registry.example/shell
  nerdctl wasm attach shell`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeContainers(g),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, stop := interruptible(cmd)
			defer stop()
			o.Global, o.Stdout = g.options(), os.Stdout
			return containers.Attach(ctx, args[0], o)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.DetachKeys, "detach-keys", "ctrl-p,ctrl-q", "keys that detach from the container")
	flags.BoolVar(&o.NoStdin, "no-stdin", false, "pass nothing on that is typed")
	return cmd
}
