package command

import (
	"errors"
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/wasmfile/wasmfile/nerdctlplugin/build"
)

func newBuild(g *globals) *cobra.Command {
	var o build.Options
	cmd := &cobra.Command{
		Use:   "build [flags] CONTEXT",
		Short: "Build a Wasmfile",
		Long: `Build a Wasmfile with a BuildKit daemon, into containerd or into files. No
frontend image and no registry are needed: this program is the frontend.

With --platform wasi/wasm, wasip1/wasm or wasip2/wasm the result is an image
with the components as files instead of an artifact.`,
		Example: `  nerdctl wasm build -t hello .
  nerdctl wasm build -t registry.example/hello:1 --build-arg GO_IMAGE=golang:1.26 examples/hello
  nerdctl wasm build -o type=tar,dest=hello.tar .
  nerdctl wasm build --check .
  nerdctl wasm build -t app --build-context lib=oci-layout://./lib .`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return errors.New("build needs one context: a directory, or the URL of a repository")
			}
			if args[0] == "-" {
				return errors.New("no context is read from standard input: unpack it and name the directory; -f - reads the Wasmfile from there")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, stop := interruptible(cmd)
			defer stop()
			o.Global, o.Stdout = g.options(), cmd.OutOrStdout()
			o.Request.Context, o.Request.Stdin, o.Request.Stderr = args[0], os.Stdin, os.Stderr
			return build.Run(ctx, o)
		},
	}
	bindBuild(cmd.Flags(), &o)
	return cmd
}

func bindBuild(flags *pflag.FlagSet, o *build.Options) {
	r := &o.Request
	flags.StringArrayVarP(&o.Tags, "tag", "t", nil, "name of the result, in containerd or in what -o writes")
	flags.StringArrayVarP(&o.Outputs, "output", "o", nil, "where to write the result instead, as type=local,dest=DIR or type=tar,dest=FILE")
	flags.BoolVar(&o.Check, "check", false, "look for mistakes in the Wasmfile, and build nothing")
	flags.BoolVarP(&o.Quiet, "quiet", "q", false, "show no progress")
	flags.StringVar(&o.DigestFile, "iidfile", "", "write the digest to a file")
	flags.StringVarP(&r.File, "file", "f", "", "the Wasmfile, \"-\" for standard input (default: CONTEXT/Wasmfile)")
	flags.StringVar(&r.Target, "target", "", "stage to build (default: the last one)")
	flags.StringArrayVar(&r.BuildArgs, "build-arg", nil, "build argument, as NAME=VALUE, or NAME to pass it on")
	flags.StringArrayVar(&r.Labels, "label", nil, "label, as KEY=VALUE")
	flags.StringArrayVar(&r.Contexts, "build-context", nil, "named context, as NAME=DIR, NAME=oci-layout://DIR, NAME=docker-image://REF or NAME=URL")
	flags.StringArrayVar(&r.Secrets, "secret", nil, "secret, as id=ID,src=FILE or id=ID,env=NAME")
	flags.StringArrayVar(&r.SSH, "ssh", nil, "SSH agent socket or keys, as default|ID[=SOCKET|KEY]")
	flags.StringSliceVar(&r.Platforms, "platform", nil, "wasi/wasm, wasip1/wasm or wasip2/wasm for an image instead of an artifact")
	flags.StringArrayVar(&r.CacheFrom, "cache-from", nil, "cache to use, as type=registry,ref=REF")
	flags.StringArrayVar(&r.CacheTo, "cache-to", nil, "cache to fill, as type=registry,ref=REF")
	flags.StringVar(&r.SBOM, "sbom", "", "say what is in the result, as true or generator=IMAGE; needs -o")
	flags.StringVar(&r.Provenance, "provenance", "", "say how the result was made, as true or mode=min|max; needs -o")
	flags.StringSliceVar(&r.NoCacheFilter, "no-cache-filter", nil, "stages to build anew")
	flags.StringSliceVar(&r.Allow, "allow", nil, "what the build may do (network.host|security.insecure)")
	flags.Lookup("sbom").NoOptDefVal, flags.Lookup("provenance").NoOptDefVal = "true", "true"
	flags.BoolVar(&r.NoCache, "no-cache", false, "build everything anew")
	flags.BoolVar(&r.Pull, "pull", false, "look for newer base images")
	flags.StringVar(&r.Network, "network", "default", "network of RUN instructions (default|none|host)")
	flags.StringVar(&r.Progress, "progress", "auto", "kind of progress (auto|plain|tty|quiet|rawjson)")
	flags.StringVar(&r.Address, "buildkit-host", "", "BuildKit's address (default: $BUILDKIT_HOST, or where nerdctl looks for it)")
}
