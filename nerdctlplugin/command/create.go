package command

import (
	"os"

	"github.com/spf13/cobra"

	"github.com/wasmfile/wasmfile/nerdctlplugin/containers"
)

func newCreate(g *globals) *cobra.Command {
	var r runFlags
	cmd := &cobra.Command{
		Use:   "create [flags] REF|FILE [ARG...]",
		Short: "Create a container of an artifact without starting it",
		Long: `Create a container as nerdctl wasm run does, without starting it, and print its
ID. nerdctl start starts it.`,
		Example: `  nerdctl wasm create --name web -p 8080:8080 registry.example/http
  nerdctl wasm start web`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o, err := r.options(cmd.Flags(), g)
			if err != nil {
				return err
			}
			// To nerdctl's packages it is one that runs in the background.
			o.Create.InRun, o.Create.Interactive, o.Create.Detach = false, false, true
			o.Stdin, o.Stdout, o.Stderr = os.Stdin, os.Stdout, os.Stderr
			ctx, stop := interruptible(cmd)
			defer stop()
			return containers.Create(ctx, args, o)
		},
		ValidArgsFunction: completeImages(g),
	}
	r.bindCreate(cmd.Flags())
	return cmd
}
