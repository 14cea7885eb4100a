package command

import (
	"fmt"
	"os"

	"github.com/containerd/nerdctl/v2/pkg/clientutil"
	"github.com/containerd/nerdctl/v2/pkg/ocihook"
	"github.com/spf13/cobra"

	"github.com/wasmfile/wasmfile/frontend/assemble"
	"github.com/wasmfile/wasmfile/frontend/push"
	"github.com/wasmfile/wasmfile/nerdctlplugin/build"
)

// newInternal has what containers and builds call this program for.
func newInternal(g *globals) *cobra.Command {
	internal := &cobra.Command{Use: build.StepCommand, Hidden: true}
	internal.AddCommand(&cobra.Command{
		Use:   "oci-hook EVENT",
		Short: "Set up or tear down a container's network; nerdctl's packages write it into containers as an OCI hook",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c := g.config
			dataStore, err := clientutil.DataStore(c.DataRoot, c.Address)
			if err != nil {
				return fmt.Errorf("find nerdctl's data store: %w", err)
			}
			return ocihook.Run(os.Stdin, os.Stderr, args[0], dataStore, c.CNIPath, c.CNINetConfPath, c.BridgeIP)
		},
	})
	internal.AddCommand(
		newStep("assemble", "Assemble an artifact", func(cmd *cobra.Command) error {
			return assemble.Run(assemble.Dirs{}, cmd.OutOrStdout())
		}),
		newStep("push", "Push an artifact", func(cmd *cobra.Command) error {
			return push.Run(cmd.Context(), push.Dirs{}, cmd.OutOrStdout())
		}),
	)
	return internal
}

// newStep is a command that a build runs in a container of the builder, where
// there is neither containerd nor a data root.
func newStep(name, does string, run func(*cobra.Command) error) *cobra.Command {
	return &cobra.Command{
		Use:               name,
		Short:             does + "; a build runs this in a container of the builder",
		Args:              cobra.NoArgs,
		PersistentPreRunE: func(*cobra.Command, []string) error { return nil },
		RunE:              func(cmd *cobra.Command, _ []string) error { return run(cmd) },
	}
}
