package command

import (
	"github.com/spf13/cobra"

	"github.com/wasmfile/wasmfile/nerdctlplugin/containers"
)

func newRename(g *globals) *cobra.Command {
	return &cobra.Command{
		Use:   "rename [flags] CONTAINER NAME",
		Short: "Rename a container",
		Long: `Give a container another name. Other versions of nerdctl may keep names elsewhere,
and cannot rename a container that this program created.`,
		Example:           `  nerdctl wasm rename web old-web`,
		Args:              cobra.ExactArgs(2),
		ValidArgsFunction: completeContainers(g),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, stop := interruptible(cmd)
			defer stop()
			return containers.Rename(ctx, args[0], args[1], g.options())
		},
	}
}

func newHealthcheck(g *globals) *cobra.Command {
	return &cobra.Command{
		Use:   "healthcheck [flags] CONTAINER",
		Short: "Check the health of a container once",
		Long: `Run the health check of a container once, which its artifact or --health-cmd gave
it: another component of its artifact in the container. inspect shows what came of it
and of the ones before. With systemd, nerdctl's timers run the checks of root's
containers, too.`,
		Example: `  nerdctl wasm run -d --name web --health-cmd 'probe http://localhost/' registry.example/http
  nerdctl wasm healthcheck web
  nerdctl wasm inspect --format '{{.State.Health.Status}}' web`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeContainers(g),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, stop := interruptible(cmd)
			defer stop()
			return containers.CheckHealth(ctx, args[0], g.options())
		},
	}
}
