package task

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	taskapi "github.com/containerd/containerd/api/runtime/task/v3"
	"github.com/containerd/containerd/api/types/runc/options"
	"github.com/containerd/containerd/api/types/runtimeoptions/v1"
	"github.com/containerd/typeurl/v2"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/wasmfile/wasmfile/pkg/artifact"
	"github.com/wasmfile/wasmfile/shim/bundle"
	"github.com/wasmfile/wasmfile/shim/engine"
	"github.com/wasmfile/wasmfile/shim/image"
	"github.com/wasmfile/wasmfile/shim/policy"
)

func TestNormalizeOptions(t *testing.T) {
	const systemd, cgroupfs = "system.slice:nerdctl:c", "/default/c"
	encode := func(v any) *anypb.Any {
		t.Helper()
		encoded, err := typeurl.MarshalAnyToProto(v)
		if err != nil {
			t.Fatal(err)
		}
		return encoded
	}
	cases := []struct {
		name    string
		options *anypb.Any
		path    string
		systemd bool
		none    bool
	}{
		{"none", nil, cgroupfs, false, true},
		{"none, and a systemd path", nil, systemd, true, false},
		{"runc's", encode(&options.Options{Root: "/r"}), cgroupfs, false, false},
		{"runc's, and a systemd path", encode(&options.Options{Root: "/r"}), systemd, true, false},
		{"runc's with systemd", encode(&options.Options{SystemdCgroup: true}), systemd, true, false},
		{"Kubernetes' generic ones", encode(&runtimeoptions.Options{TypeUrl: "x"}), cgroupfs, false, true},
		{"Kubernetes' generic ones, and a systemd path", encode(&runtimeoptions.Options{TypeUrl: "x"}), systemd, true, false},
	}
	for _, c := range cases {
		r := &taskapi.CreateTaskRequest{Options: c.options}
		if err := normalizeOptions(r, c.path); err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if c.none {
			if r.Options != nil {
				t.Errorf("%s: the options are %v", c.name, r.Options)
			}
			continue
		}
		var got options.Options
		if err := typeurl.UnmarshalTo(r.Options, &got); err != nil || got.SystemdCgroup != c.systemd {
			t.Errorf("%s: the options are %v, %v", c.name, &got, err)
		}
	}
	for _, bad := range []*anypb.Any{encode(timestamppb.Now()), {TypeUrl: "nothing/known", Value: []byte{1}}} {
		if err := normalizeOptions(&taskapi.CreateTaskRequest{Options: bad}, cgroupfs); !errors.Is(err, errOptions) {
			t.Errorf("options of type %s give %v", bad.TypeUrl, err)
		}
	}
}

// The administrator's runtime is that of containers whose client does not choose
// one, with the rest of what the client wanted.
func TestUseRuntime(t *testing.T) {
	crun := filepath.Join(t.TempDir(), "crun")
	if err := os.WriteFile(crun, nil, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", filepath.Dir(crun))
	for _, c := range []struct {
		name    string
		options *options.Options
		runtime string
		want    string
	}{
		{"by name", nil, "crun", "crun"},
		{"by path, with options", &options.Options{Root: "/r"}, crun, crun},
		{"none", &options.Options{Root: "/r"}, "", ""},
		{"the client's own", &options.Options{Root: "/r", BinaryName: "youki"}, "crun", "youki"},
	} {
		r := &taskapi.CreateTaskRequest{}
		if c.options != nil {
			encoded, err := typeurl.MarshalAnyToProto(c.options)
			if err != nil {
				t.Fatal(err)
			}
			r.Options = encoded
		}
		var got options.Options
		if err := errors.Join(useRuntime(r, c.runtime), typeurl.UnmarshalTo(r.Options, &got)); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if got.BinaryName != c.want || got.Root != c.options.GetRoot() {
			t.Errorf("%s: the options are %v", c.name, &got)
		}
	}
	if err := useRuntime(&taskapi.CreateTaskRequest{}, "krun"); !errors.Is(err, policy.ErrFile) {
		t.Errorf("a runtime that is not there: %v", err)
	}
}

func TestRPCError(t *testing.T) {
	cases := map[codes.Code]error{
		codes.InvalidArgument:    fmt.Errorf("component x: %w", engine.ErrCompile),
		codes.PermissionDenied:   fmt.Errorf("annotation: %w", image.ErrNotListed),
		codes.FailedPrecondition: fmt.Errorf("find: %w", engine.ErrNotFound),
		codes.Unknown:            errors.New("anything else"),
	}
	for code, err := range cases {
		if got := status.Convert(rpcError(err)); got.Code() != code || got.Message() != err.Error() {
			t.Errorf("%v becomes %v %q", err, got.Code(), got.Message())
		}
	}
	for _, err := range []error{&artifact.NoMatchError{}, bundle.ErrInvalid, engine.ErrCommand, artifact.ErrInvalid, errOptions} {
		if got := rpcCode(err); got != codes.InvalidArgument {
			t.Errorf("%v becomes %v", err, got)
		}
	}
	if got := rpcCode(fs.ErrNotExist); got != codes.FailedPrecondition {
		t.Errorf("a missing file becomes %v", got)
	}
}

// A destination leads where the guest would get to, and never out of the
// image's files.
func TestResolve(t *testing.T) {
	root := filepath.Join(t.TempDir(), "rootfs")
	for _, dir := range []string{"run/secrets", "real"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(root, "var"), 0o755); err != nil {
		t.Fatal(err)
	}
	for link, target := range map[string]string{
		"var/run": "/run", "data": "../../../../real", "out": "/../../etc", "top": "/", "loop": "loop",
	} {
		if err := os.Symlink(target, filepath.Join(root, link)); err != nil {
			t.Fatal(err)
		}
	}
	cases := map[string]string{
		"/var/run/secrets/x": "/run/secrets/x",
		"/data/sub":          "/real/sub",
		"/out/passwd":        "/etc/passwd",
		"/new/dir":           "/new/dir",
		"/../../real":        "/real",
		"/top":               "",
	}
	for destination, want := range cases {
		got, err := rootfs{path: root}.resolve(destination)
		if err != nil || filepath.Clean("/"+got) != filepath.Clean("/"+want) {
			t.Errorf("%s leads to %q, %v, not %q", destination, got, err, want)
		}
	}
	if got, err := (rootfs{path: root}).resolve("/loop/x"); err == nil {
		t.Errorf("a loop leads to %q", got)
	}
}

func TestLocate(t *testing.T) {
	dir := t.TempDir()
	if err := os.Symlink("/var/lib/containerd/"+taskPlugin+"/default/c", filepath.Join(dir, "work")); err != nil {
		t.Fatal(err)
	}
	t.Setenv("WASMFILE_STATE", "")
	p := &preparer{}
	got, err := p.locate(t.Context(), dir)
	want := directories{bundle: dir, containerd: "/var/lib/containerd", state: "/var/lib/containerd/io.containerd.wasmfile.v1"}
	if err != nil || got != want {
		t.Errorf("the directories are %+v, %v", got, err)
	}
	t.Setenv("WASMFILE_STATE", "/elsewhere")
	if got, err := p.locate(t.Context(), dir); err != nil || got.state != "/elsewhere" || got.containerd != want.containerd {
		t.Errorf("with a state directory named they are %+v, %v", got, err)
	}
	t.Setenv("WASMFILE_STATE", "relative")
	if _, err := p.locate(t.Context(), dir); err == nil {
		t.Error("a relative state directory was taken")
	}
}
