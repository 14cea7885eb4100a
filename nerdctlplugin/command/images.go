package command

import (
	"github.com/spf13/cobra"

	"github.com/wasmfile/wasmfile/nerdctlplugin/images"
)

func newImages(g *globals) *cobra.Command {
	var o images.ListOptions
	cmd := &cobra.Command{
		Use:   "images [flags] [REF]",
		Short: "List artifacts",
		Long: `List the artifacts in containerd, and no other images. SIZE is that of an
artifact's blobs, UNIQUE SIZE that of the blobs which no other image needs.`,
		Example: `  nerdctl wasm images
  nerdctl wasm images --filter label=team=web
  nerdctl wasm images --format '{{.Name}} {{.WASI}} {{.UniqueSizeBytes}}'
  nerdctl rmi $(nerdctl wasm images -q)`,
		Aliases:           []string{"ls"},
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: completeImages(g),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, stop := interruptible(cmd)
			defer stop()
			o.Global, o.Stdout = g.options(), cmd.OutOrStdout()
			if len(args) == 1 {
				o.Name = args[0]
			}
			return images.List(ctx, o)
		},
	}
	flags := cmd.Flags()
	flags.BoolVarP(&o.Quiet, "quiet", "q", false, "show IDs only")
	flags.BoolVar(&o.NoTrunc, "no-trunc", false, "show whole IDs and all names of components")
	flags.StringVar(&o.Format, "format", "", "Go template for each artifact, \"json\" or \"table\"")
	flags.StringSliceVarP(&o.Filters, "filter", "f", nil, "show those only, such as reference=PATTERN, label=KEY=VALUE, before=REF, since=REF")
	flags.BoolVar(&o.Digests, "digests", false, "show digests")
	flags.BoolVar(&o.Names, "names", false, "show whole names")
	flags.BoolP("all", "a", true, "all are always shown, as in nerdctl")
	return cmd
}
