package task

import (
	"errors"
	"fmt"

	taskapi "github.com/containerd/containerd/api/runtime/task/v3"
	"github.com/containerd/containerd/api/types/runc/options"
	"github.com/containerd/containerd/api/types/runtimeoptions/v1"
	"github.com/containerd/typeurl/v2"

	"github.com/wasmfile/wasmfile/shim/bundle"
)

// errOptions is returned for runtime options that runc's service would not
// take.
var errOptions = errors.New("only runtime options of runc are known")

// normalizeOptions makes a request's runtime options ones that runc's service
// takes: runc's own, or none. The generic options that Kubernetes passes to a
// runtime whose name it does not know say nothing that runc could use.
//
// The systemd cgroup driver is set for a cgroup path that only it understands:
// clients ask for it only from runtimes that they know by name.
func normalizeOptions(r *taskapi.CreateTaskRequest, cgroupsPath string) error {
	var chosen *options.Options
	if len(r.Options.GetValue()) > 0 {
		decoded, err := typeurl.UnmarshalAny(r.Options)
		if err != nil {
			return fmt.Errorf("runtime options of type %s: %w: %w", r.Options.TypeUrl, errOptions, err)
		}
		switch o := decoded.(type) {
		case *options.Options:
			chosen = o
		case *runtimeoptions.Options:
			r.Options = nil
		default:
			return fmt.Errorf("runtime options of type %s: %w", r.Options.TypeUrl, errOptions)
		}
	}
	if !bundle.IsSystemdCgroup(cgroupsPath) || chosen.GetSystemdCgroup() {
		return nil
	}
	if chosen == nil {
		chosen = &options.Options{}
	}
	chosen.SystemdCgroup = true
	encoded, err := typeurl.MarshalAnyToProto(chosen)
	if err != nil {
		return fmt.Errorf("encode runtime options: %w", err)
	}
	r.Options = encoded
	return nil
}
