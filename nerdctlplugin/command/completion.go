package command

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/wasmfile/wasmfile/nerdctlplugin/action"
)

// completeImages completes the first argument with the images in containerd.
func completeImages(g *globals) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveDefault
		}
		ctx := cmd.Context()
		if ctx == nil {
			ctx = context.Background()
		}
		names, err := action.ImageNames(ctx, g.options())
		if err != nil {
			cobra.CompDebugln(err.Error(), false)
			return nil, cobra.ShellCompDirectiveError
		}
		return names, cobra.ShellCompDirectiveDefault
	}
}
