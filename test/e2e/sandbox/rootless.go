package sandbox

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
)

// rootlessScripts start a containerd of an ordinary user's. They come with
// nerdctl, as files in its module.
var rootlessScripts = []string{"containerd-rootless.sh", "containerd-rootless-setuptool.sh"}

// installRootlessScripts puts the scripts of the pinned nerdctl among the tools.
func (s *Sandbox) installRootlessScripts(ctx context.Context) error {
	list := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "github.com/containerd/nerdctl/v2")
	list.Dir = filepath.Join(s.repo, "test", "e2e", "tools", "nerdctl")
	dir, err := list.Output()
	if err != nil {
		return fmt.Errorf("find nerdctl's module: %w", err)
	}
	for _, name := range rootlessScripts {
		source := filepath.Join(strings.TrimSpace(string(dir)), "extras", "rootless", name)
		if err := copyFile(source, s.tool(name), 0o755); err != nil {
			return fmt.Errorf("nerdctl's %s: %w", name, err)
		}
	}
	return nil
}
