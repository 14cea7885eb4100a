package command

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/wasmfile/wasmfile/nerdctlplugin/rootless"
)

// enterRootless takes an ordinary user's process into the namespaces of the
// user's containerd, by starting it again there, unless the command can do
// without. When none runs, it goes on: only a command that gets to connect to it says so.
func (g *globals) enterRootless(cmd *cobra.Command) error {
	if !rootless.Outside() || !needsContainerd(cmd) {
		return nil
	}
	err := rootless.Enter(g.config.HostGatewayIP)
	if errors.Is(err, rootless.ErrNotRunning) {
		return nil
	}
	return fmt.Errorf("enter the namespaces of the rootless containerd: %w", err)
}

// needsContainerd reports whether a command has to do with containerd.
func needsContainerd(cmd *cobra.Command) bool {
	if cmd.HasSubCommands() { // it shows its help
		return false
	}
	if cmd.HasParent() && cmd.Parent().Name() == "completion" { // which prints a script
		return false
	}
	switch cmd.Name() {
	case "version", "help", "oci-hook":
		return false
	}
	_, refused := refusedVerbs[cmd.Name()]
	return !refused
}
