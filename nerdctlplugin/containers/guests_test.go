package containers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/containers"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/core/mount"
	"github.com/containerd/containerd/v2/core/snapshots"
	"github.com/containerd/errdefs"
	"github.com/opencontainers/runtime-spec/specs-go"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/wasmfile/wasmfile/nerdctlplugin/daemon"
)

// countingSnapshots has snapshots of one image for each of the first letters of their
// names, and counts how often files are asked for.
type countingSnapshots struct {
	snapshots.Snapshotter
	looks int
}

func (s *countingSnapshots) Stat(_ context.Context, key string) (snapshots.Info, error) {
	return snapshots.Info{Parent: key[:1]}, nil
}

func (s *countingSnapshots) Mounts(context.Context, string) ([]mount.Mount, error) {
	s.looks++
	return nil, errors.New("not here")
}

type noImages struct{ images.Store }

func (noImages) Get(context.Context, string) (images.Image, error) {
	return images.Image{}, errdefs.ErrNotFound
}

// TestProgramsAreLookedAtOnce: given containers whose images say nothing, the files of
// those that start the same of one image are looked at once, and those of a pod's
// namespaces never.
func TestProgramsAreLookedAtOnce(t *testing.T) {
	counting := &countingSnapshots{}
	client, err := containerd.New("", containerd.WithServices(
		containerd.WithSnapshotters(map[string]snapshots.Snapshotter{"s": counting}), containerd.WithImageStore(noImages{})))
	if err != nil {
		t.Fatal(err)
	}
	r := newRecognizer(client)
	for i, c := range []struct {
		snapshot, program, path string
		annotations             map[string]string
		looks                   int // so far
	}{
		{"a1", "app", "/bin", nil, 1},
		{"a2", "app", "/bin", nil, 1},
		{"a3", "other", "/bin", nil, 2},
		{"a4", "app", "/usr/bin", nil, 3},
		{"b1", "app", "/bin", nil, 4},
		{"b2", "app", "/bin", nil, 4},
		{"c1", "/pause", "/bin", map[string]string{annotationContainerType: "sandbox"}, 4},
	} {
		spec, err := json.Marshal(specs.Spec{Annotations: c.annotations, Process: &specs.Process{
			Args: []string{c.program, fmt.Sprint(i)}, Cwd: "/", Env: []string{"PATH=" + c.path, fmt.Sprintf("N=%d", i)},
		}})
		if err != nil {
			t.Fatal(err)
		}
		record := containers.Container{
			ID: c.snapshot, Image: "image", Snapshotter: "s", SnapshotKey: c.snapshot,
			Runtime: containers.RuntimeInfo{Name: daemon.DefaultRuntime}, Spec: &anypb.Any{Value: spec},
		}
		if g := r.recognize(t.Context(), record); g != nil {
			t.Errorf("%s is a guest", c.snapshot)
		}
		if counting.looks != c.looks {
			t.Errorf("%s: %d looks, not %d", c.snapshot, counting.looks, c.looks)
		}
	}
}
