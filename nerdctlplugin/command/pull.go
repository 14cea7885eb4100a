package command

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/containerd/nerdctl/v2/pkg/api/types"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/wasmfile/wasmfile/nerdctlplugin/transfer"
)

func newPull(g *globals) *cobra.Command {
	var (
		o      = transfer.PullOptions{Referrers: true}
		all    bool
		unpack string
	)
	cmd := &cobra.Command{
		Use:   "pull [flags] REF",
		Short: "Pull an artifact from a registry",
		Long: `Pull an artifact from a registry into containerd: all its layers go into the
content store, and filesystem layers are unpacked too. Manifest and config are
checked before layers are fetched, Wasm layers before the image gets its name.
When anything is wrong, nothing is kept. When the connection is cut, what came
so far is kept for a day, and the next pull goes on there.

With --component, other components are left out. What is there can be run; a
pull without it fetches the rest.`,
		Example: `  nerdctl wasm pull registry.example/hello:1
  nerdctl wasm pull --component shout registry.example/tools
  nerdctl wasm pull --platform wasip1/wasm registry.example/hello:1
  nerdctl --insecure-registry wasm pull 192.0.2.1:5000/hello`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, stop := interruptible(cmd)
			defer stop()
			var err error
			if o.NoUnpack, err = parseUnpack(unpack); err != nil {
				return err
			}
			if !all && len(o.Components) == 0 {
				return errors.New("--all-components=false needs a --component to fetch")
			}
			o.Global, o.Stdout, o.Stderr = g.options(), cmd.OutOrStdout(), cmd.ErrOrStderr()
			return transfer.Pull(ctx, args[0], o)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.Platform, "platform", "", "manifest of an index, such as wasip1/wasm (default: the best one for Wasm)")
	flags.BoolVar(&all, "all-components", true, "fetch all components")
	flags.StringArrayVar(&o.Components, "component", nil, "fetch only this component; repeat it for several")
	flags.StringVar(&unpack, "unpack", "auto", "unpack filesystem layers (auto|true|false)")
	flags.BoolVar(&o.Precompile, "precompile", false, "compile the components too, as nerdctl wasm precompile does")
	flags.BoolVarP(&o.Quiet, "quiet", "q", false, "show no progress")
	cmd.MarkFlagsMutuallyExclusive("all-components", "component")
	cmd.MarkFlagsMutuallyExclusive("precompile", "component") // it compiles all of them
	bindVerify(flags, &o.Verify)
	return cmd
}

// parseUnpack reads the value of --unpack, which nerdctl has: an artifact is for
// one platform, so that auto is true.
func parseUnpack(value string) (leave bool, err error) {
	if value == "auto" {
		return false, nil
	}
	unpack, err := strconv.ParseBool(value)
	if err != nil {
		return false, fmt.Errorf("--unpack=%s: it has to be auto, true or false", value)
	}
	return !unpack, nil
}

// bindVerify declares nerdctl's flags for the verification of signatures.
func bindVerify(flags *pflag.FlagSet, o *types.ImageVerifyOptions) {
	flags.StringVar(&o.Provider, "verify", "none", "verify the signature (none|cosign|notation)")
	flags.StringVar(&o.CosignKey, "cosign-key", "", "public key for --verify=cosign: file, KMS, URI or Kubernetes secret")
	flags.StringVar(&o.CosignCertificateIdentity, "cosign-certificate-identity", "", "identity in the Fulcio certificate for --verify=cosign")
	flags.StringVar(&o.CosignCertificateIdentityRegexp, "cosign-certificate-identity-regexp", "", "regular expression for that identity")
	flags.StringVar(&o.CosignCertificateOidcIssuer, "cosign-certificate-oidc-issuer", "", "OIDC issuer in the Fulcio certificate for --verify=cosign")
	flags.StringVar(&o.CosignCertificateOidcIssuerRegexp, "cosign-certificate-oidc-issuer-regexp", "", "regular expression for that issuer")
}
