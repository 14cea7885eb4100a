// Package e2e tests Wasmfile on the real daemons of the sandbox: see
// `make test-e2e`.
package e2e

import (
	"fmt"
	"os"
	"testing"
)

// required is what `make sandbox-env` exports and the tests use.
var required = []string{"REGISTRY", "WASMFILE_FRONTEND", "BUILDX_BUILDER", "CONTAINERD_ADDRESS", "DOCKER_HOST", "GOLANG_IMAGE", "BUSYBOX_IMAGE", "SANDBOX_DIR", "PLAIN_REGISTRY"}

func TestMain(m *testing.M) {
	for _, name := range required {
		if os.Getenv(name) == "" {
			fmt.Fprintf(os.Stderr, "%s is not set: the tests need the sandbox, run `make test-e2e`\n", name)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

func registry() string { return os.Getenv("REGISTRY") }

// busybox is an ordinary image in the sandbox's registry.
func busybox() string { return os.Getenv("BUSYBOX_IMAGE") }
