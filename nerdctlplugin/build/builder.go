package build

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/containerd/nerdctl/v2/pkg/rootlessutil"
	"github.com/moby/buildkit/client"
)

// connectTimeout bounds the first question to a builder.
const connectTimeout = 10 * time.Second

// noBuilderError says that there is no BuildKit daemon.
type noBuilderError struct {
	// tried are the addresses.
	tried []string
	// err is the error of the last one.
	err error
}

func (e *noBuilderError) Error() string {
	return fmt.Sprintf("no BuildKit daemon at %v: %v", e.tried, e.err)
}

func (e *noBuilderError) Unwrap() error { return e.err }

// builder is a BuildKit daemon that answered.
type builder struct {
	*client.Client
	address string
	workers []*client.WorkerInfo
}

// FindBuilder finds the BuildKit daemon that Build takes for a namespace of containerd when
// nobody names one. The version is empty when the daemon does not say it.
func FindBuilder(ctx context.Context, namespace string) (address, version string, err error) {
	found, err := connect(ctx, "", namespace)
	if err != nil {
		return "", "", err
	}
	for _, worker := range found.workers {
		version = worker.BuildkitVersion.Version
	}
	return found.address, version, found.Close()
}

// connect finds a BuildKit daemon that answers.
func connect(ctx context.Context, address, namespace string) (*builder, error) {
	failure := &noBuilderError{}
	for _, address := range addresses(address, namespace) {
		failure.tried = append(failure.tried, address)
		opened, err := client.New(ctx, address)
		if err != nil {
			failure.err = err
			continue
		}
		answer, cancel := context.WithTimeout(ctx, connectTimeout)
		workers, err := opened.ListWorkers(answer)
		cancel()
		if err == nil {
			return &builder{opened, address, workers}, nil
		}
		failure.err = errors.Join(err, opened.Close())
	}
	return nil, failure
}

// addresses are where BuildKit may listen: the one that was given, or the
// places that nerdctl looks at for a namespace of containerd.
func addresses(address, namespace string) []string {
	if address != "" {
		return []string{address}
	}
	if address := os.Getenv("BUILDKIT_HOST"); address != "" {
		return []string{address}
	}
	dir := "/run"
	// In the namespaces of a rootless containerd this process is root, too.
	if rootlessutil.IsRootless() {
		var err error
		if dir, err = rootlessutil.XDGRuntimeDir(); err != nil {
			dir = fmt.Sprintf("/run/user/%d", os.Geteuid())
		}
	}
	var found []string
	for _, name := range []string{"buildkit-" + namespace, "buildkit-default", "buildkit"} {
		found = append(found, "unix://"+filepath.Join(dir, name, "buildkitd.sock"))
	}
	return slices.Compact(found)
}
