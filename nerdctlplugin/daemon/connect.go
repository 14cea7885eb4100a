package daemon

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/nerdctl/v2/pkg/api/types"
	"github.com/containerd/nerdctl/v2/pkg/clientutil"

	"github.com/wasmfile/wasmfile/nerdctlplugin/advice"
	"github.com/wasmfile/wasmfile/nerdctlplugin/rootless"
)

// Connect opens a client of containerd in the namespace. The context that it
// returns carries the namespace.
func Connect(ctx context.Context, global types.GlobalCommandOptions) (*containerd.Client, context.Context, func(), error) {
	client, ctx, cancel, err := clientutil.NewClient(ctx, global.Namespace, global.Address)
	if err != nil {
		address := strings.TrimPrefix(global.Address, "unix://")
		switch _, statErr := os.Stat(address); {
		case rootless.Is():
			err = advice.Add(err, "start it again (`systemctl --user restart containerd`, or containerd-rootless.sh)")
		case errors.Is(statErr, fs.ErrNotExist):
			err = advice.Add(err, "start it (`systemctl start containerd`), or say where it listens with --address or CONTAINERD_ADDRESS")
		default:
			err = advice.Add(err, "is containerd running? see `systemctl status containerd`")
		}
		return nil, nil, nil, fmt.Errorf("no containerd: %w", err)
	}
	return client, ctx, func() {
		cancel()
		_ = client.Close() // nothing is lost with the connection
	}, nil
}

// Namespaces are the names of containerd's namespaces, for completion.
func Namespaces(ctx context.Context, global types.GlobalCommandOptions) ([]string, error) {
	client, ctx, done, err := Connect(ctx, global)
	if err != nil {
		return nil, err
	}
	defer done()
	names, err := client.NamespaceService().List(ctx)
	if err != nil {
		return nil, fmt.Errorf("list namespaces: %w", err)
	}
	return names, nil
}
