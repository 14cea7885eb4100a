package containers

import (
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// TestMountOver: given mounts, the innermost one that a directory is in.
func TestMountOver(t *testing.T) {
	mounts := []specs.Mount{{Destination: "/proc"}, {Destination: "/data"}, {Destination: "/data/in/"}, {Destination: "/database"}}
	for dir, want := range map[string]string{
		"/data": "/data", "/data/x": "/data", "/data/in/x/y": "/data/in", "/data/inside": "/data", "/datab": "", "/": "", "/database": "/database",
	} {
		if over, ok := mountOver(mounts, dir); over.Destination != want || ok != (want != "") {
			t.Errorf("%s is in %q, %t", dir, over.Destination, ok)
		}
	}
}
