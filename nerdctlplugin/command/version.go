package command

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/wasmfile/wasmfile/pkg/version"
)

func newVersion() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Show which build this is",
		Long:  "Show the version and the commit that this program was built from.",
		Example: `  nerdctl wasm version
  nerdctl version # of the real nerdctl and of containerd`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintln(cmd.OutOrStdout(), version.String())
			return err
		},
	}
}
