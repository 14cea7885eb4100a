package command

import (
	"github.com/spf13/cobra"

	"github.com/wasmfile/wasmfile/nerdctlplugin/containers"
)

func newPs(g *globals) *cobra.Command {
	var o containers.ListOptions
	var latest, noTrunc bool
	cmd := &cobra.Command{
		Use:   "ps [flags]",
		Short: "List containers that run Wasm",
		Long: `List the containers that run Wasm, whichever client made them, and no others.
COMPONENT is the one that runs, of as many as OF says. UNIQUE SIZE is that of the
artifact's components, each counted once.`,
		Example: `  nerdctl wasm ps
  nerdctl wasm ps -a --filter name=web
  nerdctl wasm ps --format '{{.Names}} {{.Component}} {{.WASI}}'`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := interruptible(cmd)
			defer stop()
			o.List.GOptions, o.Stdout, o.List.Truncate = g.options(), cmd.OutOrStdout(), !noTrunc
			if latest && o.List.LastN == -1 {
				o.List.LastN = 1
			}
			return containers.List(ctx, o)
		},
	}
	flags := cmd.Flags()
	flags.BoolVarP(&o.List.All, "all", "a", false, "show those that do not run, too")
	flags.IntVarP(&o.List.LastN, "last", "n", -1, "show the last created ones, in any state")
	flags.BoolVarP(&latest, "latest", "l", false, "show the last created one, in any state")
	flags.BoolVar(&noTrunc, "no-trunc", false, "show whole IDs and commands")
	flags.BoolVarP(&o.Quiet, "quiet", "q", false, "show IDs only")
	flags.BoolVarP(&o.List.Size, "size", "s", false, "show the size of the root filesystem")
	flags.StringVar(&o.Format, "format", "", "Go template for each container, \"json\" or \"table\"")
	flags.StringSliceVarP(&o.List.Filters, "filter", "f", nil, "show those only, such as name=NAME, status=exited, label=KEY=VALUE")
	return cmd
}
