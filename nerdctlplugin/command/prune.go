package command

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/wasmfile/wasmfile/nerdctlplugin/images"
)

func newPrune(g *globals) *cobra.Command {
	var o images.PruneOptions
	var force bool
	cmd := &cobra.Command{
		Use:   "prune [flags]",
		Short: "Remove artifacts that no container was made of",
		Long: `Remove artifacts that have no tag and that no container was made of, with --all
those with a tag, too. Other images stay, and so does what is shared with them.`,
		Example: `  nerdctl wasm prune
  nerdctl wasm prune --all --force --filter label=stage=test`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := interruptible(cmd)
			defer stop()
			o.Global, o.Stdout = g.options(), cmd.OutOrStdout()
			if !force {
				o.Confirm = func(question string) (bool, error) { return confirm(question, os.Stdin, cmd.ErrOrStderr()) }
			}
			return images.Prune(ctx, o)
		},
	}
	flags := cmd.Flags()
	flags.BoolVarP(&o.All, "all", "a", false, "remove those with a tag, too")
	flags.BoolVarP(&force, "force", "f", false, "do not ask")
	flags.StringSliceVar(&o.Filters, "filter", nil, "remove those only, such as label=KEY=VALUE, until=DURATION")
	return cmd
}

func confirm(question string, in io.Reader, out io.Writer) (bool, error) {
	fmt.Fprintf(out, "%s [y/N] ", question)
	answer, err := bufio.NewReader(in).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return false, fmt.Errorf("read the answer: %w", err)
	}
	return strings.EqualFold(strings.TrimSpace(answer), "y"), nil
}
