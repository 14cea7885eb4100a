package command

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/wasmfile/wasmfile/nerdctlplugin/build"
	"github.com/wasmfile/wasmfile/nerdctlplugin/check"
)

// newSystem has `system check`; the other commands of system are nerdctl's.
func newSystem(g *globals) *cobra.Command {
	system := &cobra.Command{
		Use:   systemVerb,
		Short: "Look after this machine",
		Long:  "Look after this machine. Beside check, the commands are those of nerdctl system.",
		Args:  knownVerb,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },

		SuggestionsMinimumDistance: 2,
	}
	var o check.PrintOptions
	check := &cobra.Command{
		Use:   systemCheck,
		Short: "Show whether this machine can run Wasm containers",
		Long: `Show what Wasm containers need of this machine, which versions there are, and what
to do about what is missing. It looks with the PATH that containerd has, if it may.
The exit code is 1 when no Wasm container can run, and 0 otherwise: a warning is for
what some containers need.`,
		Example: `  nerdctl wasm system check
  nerdctl wasm system check --json | jq '.checks[] | select(.status != "ok")'`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := interruptible(cmd)
			defer stop()
			o.Global, o.Stdout = g.options(), cmd.OutOrStdout()
			o.Builder = func(ctx context.Context) (string, string, error) { return build.FindBuilder(ctx, o.Global.Namespace) }
			return check.Print(ctx, o)
		},
	}
	check.Flags().BoolVar(&o.JSON, "json", false, "show JSON")
	system.AddCommand(check)
	return system
}
