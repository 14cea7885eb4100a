package daemon

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/errdefs"
	"github.com/containerd/nerdctl/v2/pkg/api/types"
	"github.com/containerd/nerdctl/v2/pkg/clientutil"

	"github.com/wasmfile/wasmfile/nerdctlplugin/advice"
	"github.com/wasmfile/wasmfile/nerdctlplugin/rootless"
)

// Connect opens a client of containerd in the namespace. The context that it
// returns carries the namespace.
func Connect(ctx context.Context, global types.GlobalCommandOptions) (*containerd.Client, context.Context, func(), error) {
	if rootless.Outside() {
		if err := rootless.Running(); err != nil {
			return nil, nil, nil, advice.Add(err, "`nerdctl wasm system check` says what to do")
		}
	}
	client, ctx, cancel, err := clientutil.NewClient(ctx, global.Namespace, global.Address)
	if err != nil {
		return nil, nil, nil, fmt.Errorf("no containerd: %w", advise(err, socket(global.Address)))
	}
	return client, ctx, func() {
		cancel()
		_ = client.Close() // nothing is lost with the connection
	}, nil
}

// Reach returns an error when containerd does not answer.
func Reach(ctx context.Context, global types.GlobalCommandOptions) error {
	_, err := Namespaces(ctx, global)
	return err
}

// Advise tells what to do about an error of containerd that is not there, or no longer,
// as only a request tells. Other errors stay as they are.
func Advise(err error, address string) error {
	if path := socket(address); errdefs.IsUnavailable(err) && strings.Contains(err.Error(), path) {
		return advise(err, path)
	}
	return err
}

// socket is the path of containerd's address.
func socket(address string) string { return strings.TrimPrefix(address, "unix://") }

func advise(err error, socket string) error {
	switch _, statErr := os.Stat(socket); {
	case rootless.Is():
		return advice.Add(err, "start it again (`systemctl --user restart containerd`, or containerd-rootless.sh)")
	case errors.Is(statErr, fs.ErrNotExist):
		return advice.Add(err, "start it (`systemctl start containerd`), or say where it listens with --address or CONTAINERD_ADDRESS")
	case errors.Is(err, fs.ErrPermission):
		return advice.Add(err, "use sudo, or a rootless containerd of your own")
	}
	return advice.Add(err, "is it containerd that listens there, and does it run? see `systemctl status containerd`")
}

// Namespaces are the names of containerd's namespaces.
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
