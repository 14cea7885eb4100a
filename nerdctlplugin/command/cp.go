package command

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/wasmfile/wasmfile/nerdctlplugin/action"
)

func newCp(g *globals) *cobra.Command {
	var followLink bool
	cmd := &cobra.Command{
		Use:   "cp [flags] CONTAINER:PATH|REF:COMPONENT|REF:/FILE|PATH PATH|CONTAINER:PATH",
		Short: "Copy files from and to containers, and from artifacts",
		Long: `Copy a file or directory between a container and this machine, as nerdctl cp does,
or copy a component or a file of an artifact that is in containerd. A container of
that name comes first. With one component, REF alone will do.`,
		Example: `  nerdctl wasm cp web:/data/log.txt .
  nerdctl wasm cp ./config.toml web:/etc/config.toml
  nerdctl wasm cp tools:1:shout shout.wasm
  nerdctl wasm cp tools:1:/etc/words .`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, stop := interruptible(cmd)
			defer stop()
			for _, argument := range args {
				replacement, isContainer, err := action.ContainerPath(ctx, argument, g.options())
				if err != nil {
					return err
				}
				if isContainer {
					return passOn{argument: replacement}
				}
			}
			if followLink {
				return fmt.Errorf("-L is for containers, and %s is none", args[0])
			}
			return action.CopyFromArtifact(ctx, args[0], args[1], action.CopyOptions{Global: g.options(), Stdout: cmd.OutOrStdout()})
		},
	}
	cmd.Flags().BoolVarP(&followLink, "follow-link", "L", false, "follow symbolic links in PATH, of a container")
	return cmd
}
