package command

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/containerd/nerdctl/v2/pkg/api/types"
	"github.com/containerd/nerdctl/v2/pkg/netutil"
	"github.com/containerd/platforms"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/wasmfile/wasmfile/nerdctlplugin/containers"
	"github.com/wasmfile/wasmfile/nerdctlplugin/daemon"
	"github.com/wasmfile/wasmfile/nerdctlplugin/images"
	"github.com/wasmfile/wasmfile/pkg/artifact"
)

// completionTimeout is how long somebody who types waits for containerd.
const completionTimeout = 2 * time.Second

// isCompletion reports whether a command is the one that shells ask: it needs no options
// that are in order, and nothing that fails is to be seen.
func isCompletion(cmd *cobra.Command) bool { return cmd.Name() == cobra.ShellCompRequestCmd }

// completeImages completes the first argument with the artifacts in containerd.
func completeImages(g *globals) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveDefault
		}
		return completeAllImages(g)(cmd, args, word)
	}
}

// completeAllImages completes every argument with the artifacts in containerd.
func completeAllImages(g *globals) cobra.CompletionFunc {
	return func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
		return g.complete(cmd, images.Names)
	}
}

// completeContainers completes every argument with the containers that run Wasm.
func completeContainers(g *globals) cobra.CompletionFunc {
	return func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
		return g.complete(cmd, containers.Names)
	}
}

// completeObjects completes every argument with artifacts and containers.
func completeObjects(g *globals) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
		images, directive := completeAllImages(g)(cmd, args, word)
		containers, _ := completeContainers(g)(cmd, args, word)
		return append(images, containers...), directive
	}
}

// completeComponents completes an artifact, and then the name of one of its
// components.
func completeComponents(g *globals) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
		if len(args) != 1 {
			return completeImages(g)(cmd, args, word)
		}
		return g.complete(cmd, func(ctx context.Context, global types.GlobalCommandOptions) ([]string, error) {
			return images.ComponentNames(ctx, args[0], global)
		})
	}
}

// completeCopy completes what cp copies from and to: the name of a container or an
// artifact and its colon, after that of an artifact its components, and else files.
func completeCopy(g *globals) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
		list := completeObjects(g)
		switch colon := strings.LastIndexByte(word, ':'); {
		case len(args) == 0 && colon > 0:
			components, directive := completeComponents(g)(cmd, []string{word[:colon]}, "")
			for i := range components {
				components[i] = word[:colon+1] + components[i]
			}
			if len(components) > 0 {
				return components, directive
			}
		case len(args) == 1 && !strings.Contains(args[0], ":"):
			list = completeContainers(g)
		case len(args) > 0: // what comes from a container or an artifact goes to a file
			return nil, cobra.ShellCompDirectiveDefault
		}
		names, _ := list(cmd, nil, word)
		var begun []string
		for _, name := range names {
			if name += ":"; strings.HasPrefix(name, word) {
				begun = append(begun, name)
			}
		}
		if len(begun) == 0 {
			return nil, cobra.ShellCompDirectiveDefault
		}
		return begun, cobra.ShellCompDirectiveNoSpace
	}
}

// complete completes with what containerd is asked for, as far as it answers in time.
func (g *globals) complete(cmd *cobra.Command, list func(context.Context, types.GlobalCommandOptions) ([]string, error)) ([]string, cobra.ShellCompDirective) {
	if err := g.enterRootless(cmd); err != nil {
		return completions(nil, err)
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), completionTimeout)
	defer cancel()
	return completions(list(ctx, g.options()))
}

func completions(names []string, err error) ([]string, cobra.ShellCompDirective) {
	if err != nil {
		cobra.CompDebugln(err.Error(), false)
		return nil, cobra.ShellCompDirectiveError
	}
	return names, cobra.ShellCompDirectiveDefault
}

// completeFlags has the values of flags completed, of a command and those below it: those
// that a flag's usage lists, as (a|b), and those that this machine has.
func completeFlags(cmd *cobra.Command, g *globals) {
	complete := func(flag *pflag.Flag) {
		if values := flagValues(flag, g); values != nil {
			// An error is one of a flag that there is not, or of one that was done before.
			_ = cmd.RegisterFlagCompletionFunc(flag.Name, values)
		}
	}
	cmd.LocalFlags().VisitAll(complete)
	for _, below := range cmd.Commands() {
		completeFlags(below, g)
	}
}

var (
	listedValues = regexp.MustCompile(`\(([^()|]+(?:\|[^()|]+)+)\)`)
	quotedValues = regexp.MustCompile(`"([a-z]+)"`)
)

// flagValues completes the value of a flag, nil when nothing is known of it.
func flagValues(flag *pflag.Flag, g *globals) cobra.CompletionFunc {
	var values []string
	if listed := listedValues.FindStringSubmatch(flag.Usage); listed != nil {
		for _, value := range strings.Split(listed[1], "|") {
			value, _, _ = strings.Cut(value, "[")
			if value == strings.ToLower(value) { // else it stands for values
				values = append(values, value)
			}
		}
	}
	switch flag.Name {
	case "format":
		for _, quoted := range quotedValues.FindAllStringSubmatch(flag.Usage, -1) {
			values = append(values, quoted[1])
		}
	case "platform":
		for _, platform := range artifact.WasmPlatforms() {
			values = append(values, platforms.Format(platform))
		}
	case "namespace", "n":
		return completeNamespaces(g)
	case "network", "net":
		if flag.Value.Type() == "stringSlice" {
			return completeNetworks(g)
		}
	}
	if values == nil {
		return nil
	}
	return cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)
}

// completeNamespaces completes containerd's namespaces.
func completeNamespaces(g *globals) cobra.CompletionFunc {
	return func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
		return withoutFiles(g.complete(cmd, daemon.Namespaces))
	}
}

// completeNetworks completes the networks that a container can be connected to.
func completeNetworks(g *globals) cobra.CompletionFunc {
	return func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
		if err := g.enterRootless(cmd); err != nil {
			return completions(nil, err)
		}
		names := []string{"host", "none"}
		cni, err := netutil.NewCNIEnv(g.config.CNIPath, g.config.CNINetConfPath, netutil.WithNamespace(g.config.Namespace))
		if err != nil {
			return completions(nil, err)
		}
		networks, err := cni.NetworkMap()
		for _, network := range networks {
			if !slices.Contains(names, network.Name) { // the map has them by ID, too
				names = append(names, network.Name)
			}
		}
		return withoutFiles(completions(names, err))
	}
}

// withoutFiles has a shell offer no files.
func withoutFiles(names []string, directive cobra.ShellCompDirective) ([]string, cobra.ShellCompDirective) {
	return names, directive | cobra.ShellCompDirectiveNoFileComp
}
