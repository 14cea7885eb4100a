package command

import (
	"slices"

	"github.com/spf13/cobra"

	"github.com/wasmfile/wasmfile/nerdctlplugin/action"
)

// passOn is returned by a command whose line is for the real nerdctl after all,
// because it is about a container. It holds what to replace in the line.
type passOn map[string]string

func (passOn) Error() string { return "this is about a container" }

// line is what the real nerdctl gets.
func (p passOn) line(args []string) []string {
	line := slices.Clone(args)
	for i, arg := range line {
		if replacement, ok := p[arg]; ok {
			line[i] = replacement
		}
	}
	return line
}

// orContainers turns an error of looking for artifacts into passOn when all the
// names are containers'.
func orContainers(cmd *cobra.Command, g *globals, names []string, err error) error {
	if err != nil && action.AreContainers(completionContext(cmd), names, g.options()) {
		return passOn{}
	}
	return err
}

func newRename(g *globals) *cobra.Command {
	return &cobra.Command{
		Use:   "rename CONTAINER NAME",
		Short: "Rename a container",
		Long: `Give a container another name. Other versions of nerdctl may keep names elsewhere,
and cannot rename a container that this program created.`,
		Example: `  nerdctl wasm rename web old-web`,
		Args:    cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, stop := interruptible(cmd)
			defer stop()
			return action.RenameContainer(ctx, args[0], args[1], g.options())
		},
	}
}

func newHealthcheck(g *globals) *cobra.Command {
	return &cobra.Command{
		Use:   "healthcheck CONTAINER",
		Short: "Check the health of a container once",
		Long: `Run the health check of a container once, which --health-cmd gave it: another
component of its artifact in the container. nerdctl inspect shows what came of it
and of the ones before. Nothing runs the check by itself.`,
		Example: `  nerdctl wasm run -d --name web --health-cmd 'probe http://localhost/' registry.example/http
  nerdctl wasm healthcheck web
  nerdctl inspect --format '{{.State.Health.Status}}' web`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, stop := interruptible(cmd)
			defer stop()
			return action.CheckHealth(ctx, args[0], g.options())
		},
	}
}
