package task

import (
	"context"
	"io"
	"os"
	"time"

	runcmanager "github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2/manager"
	runctask "github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2/task"
	"github.com/containerd/containerd/v2/pkg/shim"
	"github.com/containerd/containerd/v2/pkg/shutdown"
	"github.com/containerd/containerd/v2/plugins"
	containerdversion "github.com/containerd/containerd/v2/version"
	gorunc "github.com/containerd/go-runc"
	"github.com/containerd/plugin"
	"github.com/containerd/plugin/registry"

	"github.com/wasmfile/wasmfile/pkg/version"
	"github.com/wasmfile/wasmfile/shim/confine"
	"github.com/wasmfile/wasmfile/shim/image"
	"github.com/wasmfile/wasmfile/shim/lifecycle"
	"github.com/wasmfile/wasmfile/shim/precompile"
)

// RuntimeName is the name by which containerd knows the shim: containerd
// makes the executable's name, containerd-shim-wasmfile-v1, of it.
const RuntimeName = "io.containerd.wasmfile.v1"

// Main is the shim: args are the process's. It returns the exit status, or
// does not return when containerd's library ends the process itself.
func Main(args []string, stderr io.Writer) int {
	if len(args) > 1 && args[1] == confine.Argument {
		return confine.Main(args, stderr)
	}
	if len(args) > 1 && args[1] == precompile.Argument {
		return precompile.Main(args, os.Stdout, stderr)
	}
	// What the library prints for --version.
	containerdversion.Version, containerdversion.Revision = version.Version, version.Commit
	registry.Register(&plugin.Registration{
		Type:     plugins.TTRPCPlugin,
		ID:       "task",
		Requires: []plugin.Type{plugins.EventPlugin, plugins.InternalPlugin},
		InitFn:   start,
	})
	shim.RunShim(context.Background(), manager{runcmanager.NewShimManager(RuntimeName)})
	return 0
}

// start makes the task service when the shim serves.
func start(ic *plugin.InitContext) (any, error) {
	if err := keepToLibraries(); err != nil {
		return nil, err
	}
	events, err := ic.GetByID(plugins.EventPlugin, "publisher")
	if err != nil {
		return nil, err
	}
	down, err := ic.GetByID(plugins.InternalPlugin, "shutdown")
	if err != nil {
		return nil, err
	}
	store, err := image.Connect(ic.Properties[plugins.PropertyGRPCAddress])
	if err != nil {
		return nil, err
	}
	stop := down.(shutdown.Service)
	stop.RegisterCallback(func(context.Context) error { return store.Close() })
	living := &guests{}
	sharing, err := newShared(stop)
	if err != nil {
		return nil, err
	}
	if sharing != nil {
		stop = sharing
	}
	runc, err := runctask.NewTaskService(ic.Context, &publisher{Publisher: events.(shim.Publisher), guests: living}, stop)
	if err != nil {
		return nil, err
	}
	gorunc.Monitor = lifecycle.Monitor{
		ProcessMonitor: gorunc.Monitor,
		Ours:           func(id string) bool { return living.get(id) != nil },
	}
	service := newService(runc, living, &preparer{store: store})
	service.idle = newIdle(ic.Context)
	service.garbage.busy()
	service.traces = newTraces(ic.Context, service.preparer)
	stop.RegisterCallback(func(context.Context) error { return service.traces.Close() })
	if service.shared = sharing; sharing != nil {
		sharing.runc = runc
		go sharing.endWhenUnused(ic.Context)
		return service, nil
	}
	service.abandoned = time.AfterFunc(abandonedAfter, stop.Shutdown)
	return service, nil
}
