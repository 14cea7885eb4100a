package command

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/wasmfile/wasmfile/nerdctlplugin/containers"
	"github.com/wasmfile/wasmfile/nerdctlplugin/images"
)

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
		if err := g.enterRootless(cmd); err != nil {
			return completions(nil, err)
		}
		return completions(images.Names(completionContext(cmd), g.options()))
	}
}

// completeContainers completes every argument with the containers that run Wasm.
func completeContainers(g *globals) cobra.CompletionFunc {
	return func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
		if err := g.enterRootless(cmd); err != nil {
			return completions(nil, err)
		}
		return completions(containers.Names(completionContext(cmd), g.options()))
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
		if err := g.enterRootless(cmd); err != nil {
			return completions(nil, err)
		}
		return completions(images.ComponentNames(completionContext(cmd), args[0], g.options()))
	}
}

func completionContext(cmd *cobra.Command) context.Context {
	if ctx := cmd.Context(); ctx != nil {
		return ctx
	}
	return context.Background()
}

func completions(names []string, err error) ([]string, cobra.ShellCompDirective) {
	if err != nil {
		cobra.CompDebugln(err.Error(), false)
		return nil, cobra.ShellCompDirectiveError
	}
	return names, cobra.ShellCompDirectiveDefault
}
