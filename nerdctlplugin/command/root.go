// Package command is the plugin's command line: one file per verb, which turns
// flags into the options of the package that does what the verb says: containers, images,
// transfer, build or check.
package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"

	"github.com/containerd/nerdctl/v2/pkg/config"
	"github.com/containerd/nerdctl/v2/pkg/errutil"
	"github.com/spf13/cobra"

	"github.com/wasmfile/wasmfile/nerdctlplugin/containers"
	"github.com/wasmfile/wasmfile/nerdctlplugin/daemon"
	"github.com/wasmfile/wasmfile/nerdctlplugin/dispatch"
	"github.com/wasmfile/wasmfile/pkg/printable"
	"github.com/wasmfile/wasmfile/pkg/version"
)

// ownGroup is the group of this program's own commands, which its help has first.
const ownGroup = "own"

// failure is the exit code for errors of the command itself, as in nerdctl.
const failure = 1

// Execute runs a command line and returns the exit code of the process. name
// is what the user calls the program: "nerdctl-wasm" or "nerdctl wasm".
func Execute(name string, args []string, stdout, stderr io.Writer) int {
	if isPassedOn(args) {
		err := dispatch.Become(args)
		fmt.Fprintf(stderr, "%s: %v\n", name, err)
		return failure
	}
	g, err := loadGlobals(os.LookupEnv)
	if err != nil {
		fmt.Fprintf(stderr, "%s: %v\n", name, err)
		return failure
	}
	root := newRoot(name, g)
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	cmd, err := root.ExecuteContextC(context.Background())
	var exit errutil.ExitCoder
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return exit.ExitCode()
	case errors.Is(err, containers.ErrForNerdctl):
		err = dispatch.Become(args)
	}
	if signal := interruption(cmd.Context()); signal != nil {
		if signal != syscall.SIGPIPE { // nobody reads it
			fmt.Fprintf(stderr, "%s: %s\n", name, printable.Text(interrupted(err)))
		}
		return endBy(signal)
	}
	// Artifacts, registries and daemons have a part in what errors say.
	fmt.Fprintf(stderr, "%s: %s\n", name, printable.Text(daemon.Advise(err, g.config.Address).Error()))
	return failure
}

// Manual is the command with all its verbs, and with the defaults that are
// compiled in, for manual pages. It is not meant to run.
func Manual() *cobra.Command {
	return newRoot("nerdctl-wasm", &globals{config: config.New()})
}

func newRoot(name string, g *globals) *cobra.Command {
	root := &cobra.Command{
		Use:   "nerdctl-wasm",
		Short: "WebAssembly artifacts in containerd",
		Long: `Pull, run, push, build and inspect WebAssembly artifacts: OCI artifacts whose
layers are .wasm files, and that containerd runs with the runtime
io.containerd.wasmfile.v1. A container that runs one is an ordinary nerdctl
container: nerdctl ps, logs, stop, rm, inspect, stats and so on work on it.`,
		Example: `  # build the Wasmfile of this directory and run what it makes
  nerdctl wasm build -t hello .
  nerdctl wasm run --rm hello

  # from a registry
  nerdctl wasm run --rm registry.example/hello:1 some arguments

  # serve HTTP in the background
  nerdctl wasm run -d --name web -p 8080:8080 registry.example/http`,
		Annotations:      map[string]string{cobra.CommandDisplayNameAnnotation: name},
		Version:          version.String(),
		SilenceUsage:     true,
		SilenceErrors:    true,
		TraverseChildren: true, // the short global flags stand before the verb
		Args:             knownVerb,
		// How much a typing error may differ from what is suggested for it, as in nerdctl.
		SuggestionsMinimumDistance: 2,
		RunE:                       func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			if isCompletion(cmd) {
				return nil
			}
			if err := g.finish(); err != nil {
				return err
			}
			return g.enterRootless(cmd)
		},
	}
	g.bind(root.PersistentFlags(), root.Flags())
	root.AddGroup(&cobra.Group{ID: ownGroup, Title: "Commands:"})
	root.SetHelpCommandGroupID(ownGroup)
	root.SetCompletionCommandGroupID(ownGroup)
	for _, cmd := range []*cobra.Command{
		newPull(g),
		newPrecompile(g),
		newRun(g),
		newCreate(g),
		newPs(g),
		newImages(g),
		newPush(g),
		newBuild(g),
		newInspect(g),
		newHistory(g),
		newDiff(g),
		newConvert(g),
		newSave(g),
		newLoad(g),
		newImport(g),
		newExport(g),
		newCp(g),
		newAttach(g),
		newPrune(g),
		newRename(g),
		newHealthcheck(g),
		newSystem(g),
		newVersion(),
		newInternal(g),
	} {
		cmd.GroupID = ownGroup
		root.AddCommand(cmd)
	}
	addPassedOn(root, g)
	addRefused(root)
	explainUsage(root)
	completeFlags(root, g)
	return root
}

// knownVerb refuses what is no verb of a command, for which it would show its help, and
// says which one may be meant.
func knownVerb(cmd *cobra.Command, args []string) error {
	err := cobra.NoArgs(cmd, args)
	if err == nil {
		return nil
	}
	if meant := cmd.SuggestionsFor(args[0]); len(meant) > 0 {
		return fmt.Errorf("%w\n\nDid you mean this?\n\t%s", err, strings.Join(meant, "\n\t"))
	}
	return err
}

// explainUsage has errors in how a verb is called say how it is, as docker's and
// nerdctl's do.
func explainUsage(cmd *cobra.Command) {
	explain := func(cmd *cobra.Command, err error) error {
		if err == nil {
			return nil
		}
		how := "See '" + cmd.CommandPath() + " --help'"
		if !cmd.HasSubCommands() {
			how = "Usage:  " + cmd.UseLine() + "\n\n" + how
		}
		return fmt.Errorf("%w\n\n%s", err, how)
	}
	cmd.SetFlagErrorFunc(explain)
	if check := cmd.Args; check != nil {
		cmd.Args = func(cmd *cobra.Command, args []string) error { return explain(cmd, check(cmd, args)) }
	}
	for _, verb := range cmd.Commands() {
		explainUsage(verb)
	}
}
