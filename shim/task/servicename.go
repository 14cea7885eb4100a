package task

import (
	"context"
	"os"

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

// restoreServiceName undoes what runc's manager did to the environment.
func restoreServiceName() error {
	if told := os.Getenv(envToldName); told != "" {
		return os.Setenv(envServiceName, told)
	}
	return os.Unsetenv(envServiceName)
}
