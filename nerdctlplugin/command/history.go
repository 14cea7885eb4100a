package command

import (
	"github.com/spf13/cobra"

	"github.com/wasmfile/wasmfile/nerdctlplugin/images"
)

func newHistory(g *globals) *cobra.Command {
	var o images.HistoryOptions
	human := true
	cmd := &cobra.Command{
		Use:   "history [flags] REF|LAYOUT",
		Short: "Show the layers of an artifact",
		Long: `Show the layers of an artifact, the last one first. An artifact does not record how
its files were made, so there is one line for each layer and none for other
instructions.`,
		Example: `  nerdctl wasm history hello:1
  nerdctl wasm history --no-trunc --human=false hello:1`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeImages(g),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, stop := interruptible(cmd)
			defer stop()
			o.Global, o.Stdout, o.Bytes = g.options(), cmd.OutOrStdout(), !human
			return images.History(ctx, args[0], o)
		},
	}
	flags := cmd.Flags()
	flags.BoolVarP(&o.Quiet, "quiet", "q", false, "show digests only")
	flags.BoolVar(&o.NoTrunc, "no-trunc", false, "show whole digests")
	flags.BoolVarP(&human, "human", "H", true, "show sizes as people read them")
	flags.StringVarP(&o.Format, "format", "f", "", "Go template for each layer, \"json\" or \"table\"")
	flags.StringVar(&o.Platform, "platform", "", "manifest of an index, such as wasip1/wasm")
	return cmd
}
