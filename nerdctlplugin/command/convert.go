package command

import (
	"github.com/spf13/cobra"

	"github.com/wasmfile/wasmfile/nerdctlplugin/convert"
)

func newConvert(g *globals) *cobra.Command {
	var o convert.Options
	cmd := &cobra.Command{
		Use:   "convert [flags] REF|LAYOUT NAME",
		Short: "Make another form of an artifact",
		Long: `Make another form of an artifact, under another name in containerd. The components
stay the same bytes, with the same digests in forms where they are layers.

  oci    the form of a Wasmfile: every tool can read entrypoint and files
  cncf   the CNCF's Wasm OCI artifact: one component and nothing else
  image  an image with the components as files, as builds for wasi/wasm make it

An image of the last kind can be converted to the others.`,
		Example: `  nerdctl wasm convert --form cncf app:1 app:1-cncf
  nerdctl wasm convert --form oci registry.example/classic:1 modern:1`,
		Args:              cobra.ExactArgs(2),
		ValidArgsFunction: completeImages(g),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, stop := interruptible(cmd)
			defer stop()
			o.Global, o.Stdout = g.options(), cmd.OutOrStdout()
			return convert.Run(ctx, args[0], args[1], o)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.Form, "form", "oci", "form to make (oci|cncf|image)")
	flags.StringVar(&o.Platform, "platform", "", "manifest of an index, such as wasip1/wasm")
	return cmd
}
