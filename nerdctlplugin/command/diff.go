package command

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/wasmfile/wasmfile/nerdctlplugin/containers"
	"github.com/wasmfile/wasmfile/nerdctlplugin/images"
)

func newDiff(g *globals) *cobra.Command {
	var o images.DiffOptions
	cmd := &cobra.Command{
		Use:   "diff [flags] REF|LAYOUT REF|LAYOUT | CONTAINER",
		Short: "Show what is not the same in two artifacts",
		Long: `Show which components, filesystem layers and files of two artifacts are not the
same, and by how many bytes their size changed. What changed in a container's files
is shown by nerdctl diff, which gets the name of a container.`,
		Example: `  nerdctl wasm diff app:1 app:2
  nerdctl wasm diff --all app:1 ./layout
  nerdctl wasm diff --format '{{.Change}} {{.Name}}' app:1 app:2`,
		Args:              cobra.RangeArgs(1, 2),
		ValidArgsFunction: completeAllImages(g),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, stop := interruptible(cmd)
			defer stop()
			o.Global, o.Stdout = g.options(), cmd.OutOrStdout()
			if len(args) == 1 {
				if containers.Exist(ctx, args, o.Global) {
					return containers.ErrForNerdctl
				}
				return fmt.Errorf("%s is no container: give the names of two artifacts, or of one container", args[0])
			}
			return images.Diff(ctx, args[0], args[1], o)
		},
	}
	flags := cmd.Flags()
	flags.BoolVarP(&o.All, "all", "a", false, "show what is the same, too")
	flags.StringVarP(&o.Format, "format", "f", "", "Go template for each difference, \"json\" or \"table\"")
	flags.StringVar(&o.Platform, "platform", "", "manifest of an index, such as wasip1/wasm")
	return cmd
}
