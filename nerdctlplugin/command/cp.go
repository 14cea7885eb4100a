package command

import (
	"os"

	"github.com/spf13/cobra"

	"github.com/wasmfile/wasmfile/nerdctlplugin/containers"
)

func newCp(g *globals) *cobra.Command {
	var o containers.CopyOptions
	cmd := &cobra.Command{
		Use:   "cp [flags] CONTAINER:PATH|REF:COMPONENT|REF:/PATH PATH|- | PATH|- CONTAINER:PATH",
		Short: "Copy files from and to containers, and from artifacts",
		Long: `Copy a file or directory between a container and this machine, as docker cp does,
or copy components, files and directories of an artifact that is in containerd. A
container of that name comes first. With one component, REF alone will do; COMPONENT
and the PATH of an artifact may be patterns. "-" is a tar archive on standard input or
output; export writes the bytes of a component there.`,
		Example: `  nerdctl wasm cp web:/data/log.txt .
  nerdctl wasm cp ./config.toml web:/etc/config.toml
  nerdctl wasm cp web:/data - | tar t
  nerdctl wasm cp tools:1:shout shout.wasm
  nerdctl wasm cp 'tools:1:*.wasm' components
  nerdctl wasm cp tools:1:/etc/words .`,
		Args:              cobra.ExactArgs(2),
		ValidArgsFunction: completeCopy(g),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, stop := interruptible(cmd)
			defer stop()
			o.Global, o.Stdin, o.Stdout = g.options(), os.Stdin, cmd.OutOrStdout()
			return containers.Copy(ctx, args[0], args[1], o)
		},
	}
	cmd.Flags().BoolVarP(&o.FollowLink, "follow-link", "L", false, "copy what a link leads to, if the source is one")
	return cmd
}
