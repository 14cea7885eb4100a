package command

import (
	"github.com/spf13/cobra"

	"github.com/wasmfile/wasmfile/nerdctlplugin/action"
)

func newInspect(g *globals) *cobra.Command {
	var o action.InspectOptions
	var wit bool
	cmd := &cobra.Command{
		Use:   "inspect [flags] REF|LAYOUT|CONTAINER...",
		Short: "Show what an artifact holds",
		Long: `Show an artifact: how it starts, its layers, and what each component imports and
exports. It is an image in containerd, or an OCI image layout: a directory or a
tar file, as builds write them. Containers are shown by nerdctl inspect.`,
		Example: `  nerdctl wasm inspect registry.example/hello:1
  nerdctl wasm inspect ./hello.tar
  nerdctl wasm inspect --format '{{range .Components}}{{.Name}} {{.Descriptor.Digest}}{{"\n"}}{{end}}' hello
  nerdctl wasm inspect --mode native hello | jq .Manifest
  nerdctl wasm inspect --wit hello`,
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: completeImages(g),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, stop := interruptible(cmd)
			defer stop()
			o.Global, o.Stdout = g.options(), cmd.OutOrStdout()
			if wit {
				o.Mode = action.InspectWIT
			}
			return orContainers(cmd, g, args, action.Inspect(ctx, args, o))
		},
	}
	flags := cmd.Flags()
	flags.StringVarP(&o.Format, "format", "f", "", "Go template for each artifact, or \"json\"")
	flags.StringVar((*string)(&o.Mode), "mode", "", "what to show: table, native or dockercompat (default table, native with --format)")
	flags.BoolVar(&wit, "wit", false, "show the components' worlds in WIT: the interfaces that they import and export, with all types")
	flags.StringVar(&o.Platform, "platform", "", "manifest of an index to show, such as wasip1/wasm")
	return cmd
}
