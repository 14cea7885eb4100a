package task

import (
	"context"
	"os"
	"testing"

	bootapi "github.com/containerd/containerd/api/runtime/bootstrap/v1"
	"github.com/containerd/containerd/v2/pkg/shim"
)

// renaming is runc's manager as far as it changes the environment.
type renaming struct{ shim.Shim }

func (renaming) Start(context.Context, *bootapi.BootstrapParams) (*bootapi.BootstrapResult, error) {
	return nil, os.Setenv(envServiceName, "containerd-shim-id")
}

// The service has the name that the administrator gave it, not one for each
// container, whether runc's manager starts the shim or package launch, which
// leaves the name alone.
func TestServiceName(t *testing.T) {
	for given, want := range map[string]string{"edge": "edge", "": "", "containerd": ""} {
		for _, managed := range []bool{true, false} {
			t.Setenv(envServiceName, given)
			t.Setenv(envToldName, "")
			if managed {
				if _, err := (manager{renaming{}}).Start(t.Context(), nil); err != nil {
					t.Fatal(err)
				}
			}
			if err := restoreServiceName(); err != nil {
				t.Fatal(err)
			}
			if got := os.Getenv(envServiceName); got != want {
				t.Errorf("%q becomes %q, not %q", given, got, want)
			}
		}
	}
}
