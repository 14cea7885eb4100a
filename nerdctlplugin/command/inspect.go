package command

import (
	"github.com/spf13/cobra"

	"github.com/wasmfile/wasmfile/nerdctlplugin/images"
)

func newInspect(g *globals) *cobra.Command {
	var o images.InspectOptions
	var wit bool
	cmd := &cobra.Command{
		Use:   "inspect [flags] REF|LAYOUT|CONTAINER|VOLUME|NETWORK...",
		Short: "Show what an artifact holds",
		Long: `Show an artifact: how it starts, its layers, and what each component imports and
exports. It is an image in containerd, or an OCI image layout: a directory or a
tar file, as builds write them. Containers, volumes and networks are shown as
nerdctl shows them; with one of these among the names, all are JSON.`,
		Example: `  nerdctl wasm inspect registry.example/hello:1
  nerdctl wasm inspect ./hello.tar
  nerdctl wasm inspect --format '{{range .Components}}{{.Name}} {{.Descriptor.Digest}}{{"\n"}}{{end}}' hello
  nerdctl wasm inspect --mode native hello | jq '.[].Manifest'
  nerdctl wasm inspect --wit hello
  nerdctl wasm inspect hello web`,
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: completeObjects(g),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, stop := interruptible(cmd)
			defer stop()
			o.Global, o.Stdout = g.options(), cmd.OutOrStdout()
			if wit {
				o.Mode = images.InspectWIT
			}
			return images.Inspect(ctx, args, o)
		},
	}
	flags := cmd.Flags()
	flags.StringVarP(&o.Format, "format", "f", "", "Go template for each entry, or \"json\"")
	flags.StringVar((*string)(&o.Mode), "mode", "", "what to show (table|native|dockercompat): by default table, native with --format, and dockercompat for all when one is no artifact")
	flags.BoolVar(&wit, "wit", false, "show the components' worlds in WIT: the interfaces that they import and export, with all types")
	flags.StringVar(&o.Type, "type", "", "what has the names (image|container|volume|network): by default the first that there is")
	flags.BoolVarP(&o.Size, "size", "s", false, "show sizes, of containers and volumes")
	flags.StringVar(&o.Platform, "platform", "", "manifest of an index, such as wasip1/wasm")
	return cmd
}
