package command

import (
	"github.com/spf13/cobra"

	"github.com/wasmfile/wasmfile/nerdctlplugin/transfer"
)

func newPush(g *globals) *cobra.Command {
	var o transfer.PushOptions
	cmd := &cobra.Command{
		Use:   "push [flags] SOURCE [REF]",
		Short: "Push an artifact to a registry",
		Long: `Push an artifact to a registry. SOURCE is an image in containerd, the directory
of an OCI image layout, or a tar file of one. The artifact keeps its digest.
REF is where to push; an image may go without, to the registry in its name.`,
		Example: `  nerdctl wasm push registry.example/hello:1
  nerdctl wasm push hello registry.example/hello:1

  docker buildx build -f Wasmfile -o type=tar,dest=hello.tar .
  nerdctl wasm push hello.tar registry.example/hello:1`,
		Args: cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, stop := interruptible(cmd)
			defer stop()
			o.Global, o.Stdout, o.Stderr = g.options(), cmd.OutOrStdout(), cmd.ErrOrStderr()
			ref := ""
			if len(args) > 1 {
				ref = args[1]
			}
			return transfer.Push(ctx, args[0], ref, o)
		},
		ValidArgsFunction: completeImages(g),
	}
	cmd.Flags().StringVar(&o.Platform, "platform", "", "manifest of an index to push when the index is not complete")
	cmd.Flags().StringVar(&o.Sign.Provider, "sign", "none", "sign what was pushed (none|cosign|notation)")
	cmd.Flags().StringVar(&o.Sign.CosignKey, "cosign-key", "", "private key for --sign=cosign: file, KMS, URI or Kubernetes secret")
	cmd.Flags().StringVar(&o.Sign.NotationKeyName, "notation-key-name", "", "name of a key of notation's for --sign=notation")
	cmd.Flags().BoolVarP(&o.Quiet, "quiet", "q", false, "show no progress")
	return cmd
}
