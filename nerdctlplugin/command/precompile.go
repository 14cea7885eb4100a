package command

import (
	"github.com/spf13/cobra"

	"github.com/wasmfile/wasmfile/nerdctlplugin/images"
)

func newPrecompile(g *globals) *cobra.Command {
	var o images.PrecompileOptions
	cmd := &cobra.Command{
		Use:   "precompile [flags] REF",
		Short: "Compile an artifact's components before they are run",
		Long: `Compile the components of an artifact that was pulled, for the engine of this
host, so that the first container does not wait for it. The shim does it, in the
same way and with the same limits as when a container starts; it has to be run by
the user whose containerd it is, with the environment variables that containerd has
for the shim.`,
		Example: `  nerdctl wasm precompile registry.example/hello:1
  nerdctl wasm pull --precompile registry.example/hello:1
  nerdctl wasm precompile --annotation io.github.wasmfile.engine-config=gc registry.example/hello:1`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeImages(g),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, stop := interruptible(cmd)
			defer stop()
			o.Global, o.Stdout, o.Stderr = g.options(), cmd.OutOrStdout(), cmd.ErrOrStderr()
			return images.Precompile(ctx, args[0], o)
		},
	}
	cmd.Flags().StringArrayVar(&o.Annotations, "annotation", nil, "annotation of the containers to compile for, as far as code depends on it")
	return cmd
}
