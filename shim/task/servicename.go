package task

import (
	"context"
	"os"
	"strings"

	bootapi "github.com/containerd/containerd/api/runtime/bootstrap/v1"
)

const (
	envServiceName = "OTEL_SERVICE_NAME"

	// envToldName keeps the service name that the administrator gave from
	// the start of the shim to the shim that serves: runc's manager gives that
	// one a name with the container's ID in it, so that each container would
	// be a service of its own.
	envToldName = "WASMFILE_OTEL_SERVICE_NAME"

	// containerdName is what a containerd that traces sets when nobody has
	// given it a name.
	containerdName = "containerd"

	// managerPrefix begins the name that runc's manager gives a shim.
	managerPrefix = "containerd-shim-"
)

// Start starts the shim that serves, or tells of the one that serves the pod.
func (m manager) Start(ctx context.Context, params *bootapi.BootstrapParams) (*bootapi.BootstrapResult, error) {
	if name := os.Getenv(envServiceName); name != "" && name != containerdName {
		if err := os.Setenv(envToldName, name); err != nil {
			return nil, err
		}
	}
	return m.Shim.Start(ctx, params)
}

// restoreServiceName undoes what runc's manager did to the environment. The shim
// that package launch starts has it as containerd gave it.
func restoreServiceName() error {
	told, name := os.Getenv(envToldName), os.Getenv(envServiceName)
	switch {
	case told != "":
		return os.Setenv(envServiceName, told)
	case name == containerdName || strings.HasPrefix(name, managerPrefix):
		return os.Unsetenv(envServiceName)
	}
	return nil
}
