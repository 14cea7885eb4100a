package command

import (
	"os"

	"github.com/spf13/cobra"

	"github.com/wasmfile/wasmfile/nerdctlplugin/containers"
	"github.com/wasmfile/wasmfile/nerdctlplugin/images"
	"github.com/wasmfile/wasmfile/nerdctlplugin/transfer"
)

func newSave(g *globals) *cobra.Command {
	var o transfer.SaveOptions
	cmd := &cobra.Command{
		Use:   "save [flags] REF...",
		Short: "Write artifacts into an archive",
		Long: `Write artifacts that are in containerd into one archive: an OCI image layout as a
tar file, with the same digests. nerdctl wasm load reads it, and so do oras, crane,
regctl, skopeo and docker load.`,
		Example: `  nerdctl wasm save -o hello.tar hello:1
  nerdctl wasm save hello:1 greet:2 | gzip > both.tar.gz`,
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: completeAllImages(g),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, stop := interruptible(cmd)
			defer stop()
			o.Global, o.Stdout = g.options(), os.Stdout
			return transfer.Save(ctx, args, o)
		},
	}
	flags := cmd.Flags()
	flags.StringVarP(&o.File, "output", "o", "", "file to write to (default: standard output)")
	flags.StringVar(&o.Platform, "platform", "", "manifest of an index, such as wasip1/wasm")
	return cmd
}

func newLoad(g *globals) *cobra.Command {
	var o transfer.LoadOptions
	cmd := &cobra.Command{
		Use:   "load [flags]",
		Short: "Load artifacts from an archive",
		Long: `Load the artifacts of an archive, with the names that it gives to them: an OCI
image layout as a tar file, compressed or not, or Docker's kind of archive with an
image for Wasm.`,
		Example: `  nerdctl wasm load -i hello.tar
  gunzip < both.tar.gz | nerdctl wasm load`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return load(cmd, g, o) },
	}
	flags := cmd.Flags()
	flags.StringVarP(&o.File, "input", "i", "", "file to read (default: standard input)")
	flags.BoolVarP(&o.Quiet, "quiet", "q", false, "show names only")
	return cmd
}

func newImport(g *globals) *cobra.Command {
	var o transfer.LoadOptions
	cmd := &cobra.Command{
		Use:   "import [flags] FILE|- [NAME]",
		Short: "Load an artifact from a file under a name",
		Long: `Load the artifact of a file: an archive as for nerdctl wasm load, a layout's
directory, or a .wasm file. NAME is what it is to be called, when the file does not
say that or says something else.`,
		Example: `  nerdctl wasm import hello.tar hello:1
  nerdctl wasm import app.wasm registry.example/app:1`,
		Args: cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.File = args[0]
			if len(args) == 2 {
				o.Name = args[1]
			}
			return load(cmd, g, o)
		},
	}
	cmd.Flags().BoolVarP(&o.Quiet, "quiet", "q", false, "show names only")
	return cmd
}

func load(cmd *cobra.Command, g *globals, o transfer.LoadOptions) error {
	ctx, stop := interruptible(cmd)
	defer stop()
	o.Global, o.Stdin, o.Stdout = g.options(), os.Stdin, cmd.OutOrStdout()
	return transfer.Load(ctx, o)
}

func newExport(g *globals) *cobra.Command {
	var o images.ExportOptions
	cmd := &cobra.Command{
		Use:   "export [flags] REF|LAYOUT [COMPONENT] | CONTAINER",
		Short: "Write a component of an artifact to a file",
		Long: `Write a component of an artifact to a file, the same bytes that were published.
COMPONENT is its name, with or without .wasm, or its digest; it may be left out when
there is only one. Of a container all files are written, as a tar archive.`,
		Example: `  nerdctl wasm export -o app.wasm registry.example/app:1
  nerdctl wasm export -o . tools:1 shout
  nerdctl wasm export tools:1 shout | wasm-tools component wit`,
		Args:              cobra.RangeArgs(1, 2),
		ValidArgsFunction: completeComponents(g),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, stop := interruptible(cmd)
			defer stop()
			o.Global, o.Stdout = g.options(), cmd.OutOrStdout()
			component := ""
			if len(args) == 2 {
				component = args[1]
			}
			err := images.Export(ctx, args[0], component, o)
			if err != nil && len(args) == 1 && containers.Exist(ctx, args, o.Global) {
				return containers.Export(ctx, args[0], o.Output, o.Stdout, o.Global)
			}
			return err
		},
	}
	flags := cmd.Flags()
	flags.StringVarP(&o.Output, "output", "o", "", "file or directory to write to (default: standard output)")
	flags.StringVar(&o.Platform, "platform", "", "manifest of an index, such as wasip1/wasm")
	return cmd
}
