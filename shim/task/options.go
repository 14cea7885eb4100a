package task

import (
	"errors"
	"fmt"
	"os/exec"

	taskapi "github.com/containerd/containerd/api/runtime/task/v3"
	"github.com/containerd/containerd/api/types/runc/options"
	"github.com/containerd/containerd/api/types/runtimeoptions/v1"
	"github.com/containerd/typeurl/v2"

	"github.com/wasmfile/wasmfile/shim/bundle"
	"github.com/wasmfile/wasmfile/shim/policy"
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
	chosen, err := readOptions(r)
	if err != nil {
		return err
	}
	if chosen == nil {
		r.Options = nil
	}
	if !bundle.IsSystemdCgroup(cgroupsPath) || chosen.GetSystemdCgroup() {
		return nil
	}
	return changeOptions(r, chosen, func(o *options.Options) { o.SystemdCgroup = true })
}

// useRuntime has a container made by the OCI runtime of that name or path,
// unless its client chose one; none is runc.
func useRuntime(r *taskapi.CreateTaskRequest, runtime string) error {
	if runtime == "" {
		return nil
	}
	chosen, err := readOptions(r)
	if err != nil || chosen.GetBinaryName() != "" {
		return err
	}
	if _, err := exec.LookPath(runtime); err != nil {
		return fmt.Errorf("%w: shim.%s: %w", policy.ErrFile, policy.KeyRuntime, err)
	}
	return changeOptions(r, chosen, func(o *options.Options) { o.BinaryName = runtime })
}

// readOptions returns the options for runc of a request, nil when it has none.
func readOptions(r *taskapi.CreateTaskRequest) (*options.Options, error) {
	if len(r.Options.GetValue()) == 0 {
		return nil, nil
	}
	decoded, err := typeurl.UnmarshalAny(r.Options)
	if err != nil {
		return nil, fmt.Errorf("runtime options of type %s: %w: %w", r.Options.TypeUrl, errOptions, err)
	}
	switch o := decoded.(type) {
	case *options.Options:
		return o, nil
	case *runtimeoptions.Options:
		return nil, nil
	}
	return nil, fmt.Errorf("runtime options of type %s: %w", r.Options.TypeUrl, errOptions)
}

// changeOptions changes a request's options, which may be nil.
func changeOptions(r *taskapi.CreateTaskRequest, chosen *options.Options, change func(*options.Options)) error {
	if chosen == nil {
		chosen = &options.Options{}
	}
	change(chosen)
	encoded, err := typeurl.MarshalAnyToProto(chosen)
	if err != nil {
		return fmt.Errorf("encode runtime options: %w", err)
	}
	r.Options = encoded
	return nil
}
