package launch

import (
	"testing"
	"time"

	bootapi "github.com/containerd/containerd/api/runtime/bootstrap/v1"
	taskapi "github.com/containerd/containerd/api/runtime/task/v3"
	"github.com/containerd/containerd/api/types/runc/options"
	"github.com/containerd/containerd/v2/pkg/protobuf"
	"google.golang.org/protobuf/proto"
)

// params is what containerd sends.
func params(t testing.TB, change func(*bootapi.BootstrapParams), runc *options.Options) []byte {
	t.Helper()
	dir := "/run/sockets"
	p := &bootapi.BootstrapParams{
		InstanceID: "c", Namespace: "n", ContainerdVersion: "v2", ContainerdGrpcAddress: "/run/containerd.sock",
		ContainerdTtrpcAddress: "/run/containerd.sock.ttrpc", ContainerdBinary: "/bin/containerd", SocketDir: &dir,
	}
	if runc != nil {
		if err := p.AddExtension(runc); err != nil {
			t.Fatal(err)
		}
	}
	if change != nil {
		change(p)
	}
	encoded, err := proto.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	return encoded
}

// What containerd's library writes is understood, and what is not for this
// package is seen.
func TestParseBootstrap(t *testing.T) {
	usual := bootstrap{id: "c", namespace: "n", address: "/run/containerd.sock", socketDir: "/run/sockets"}
	debug, moved := usual, usual
	debug.debug, moved.shimCgroup = true, true
	for name, c := range map[string]struct {
		encoded []byte
		want    bootstrap
	}{
		"usual":            {params(t, nil, nil), usual},
		"options for runc": {params(t, nil, &options.Options{SystemdCgroup: true, BinaryName: "crun", Root: "/r"}), usual},
		"a cgroup":         {params(t, nil, &options.Options{ShimCgroup: "/shims"}), moved},
		"debugging":        {params(t, func(p *bootapi.BootstrapParams) { p.LogLevel = bootapi.LogLevel_LOG_LEVEL_DEBUG }, nil), debug},
		"warnings":         {params(t, func(p *bootapi.BootstrapParams) { p.LogLevel = bootapi.LogLevel_LOG_LEVEL_WARN }, nil), usual},
	} {
		if got, ok := parseBootstrap(c.encoded); !ok || got != c.want {
			t.Errorf("%s: %+v, %t", name, got, ok)
		}
	}
	whole := params(t, nil, &options.Options{Root: "/r"})
	if _, ok := parseBootstrap(whole[:len(whole)-1]); ok {
		t.Error("a message that was cut short was read")
	}
}

// FuzzParseBootstrap: what is read is what containerd's library reads.
func FuzzParseBootstrap(f *testing.F) {
	f.Add(params(f, nil, nil))
	f.Add(params(f, nil, &options.Options{ShimCgroup: "/shims"}))
	f.Fuzz(func(t *testing.T, encoded []byte) {
		var want bootapi.BootstrapParams
		got, ok := parseBootstrap(encoded)
		if err := proto.Unmarshal(encoded, &want); err != nil || !ok {
			return
		}
		if got.id != want.InstanceID || got.namespace != want.Namespace || got.address != want.ContainerdGrpcAddress ||
			got.socketDir != want.GetSocketDir() || got.debug != (want.LogLevel <= bootapi.LogLevel_LOG_LEVEL_DEBUG) {
			t.Errorf("%+v is not %v", got, &want)
		}
	})
}

// containerd's library understands what is written.
func TestResponses(t *testing.T) {
	var started bootapi.BootstrapResult
	if err := proto.Unmarshal(bootstrapResult("unix:///s"), &started); err != nil {
		t.Fatal(err)
	}
	if want := (&bootapi.BootstrapResult{Version: 3, Protocol: "ttrpc", Address: "unix:///s"}); !proto.Equal(&started, want) {
		t.Errorf("%v", &started)
	}
	at := time.Unix(1700000000, 12345)
	var deleted taskapi.DeleteResponse
	if err := proto.Unmarshal(deleteResponse(exit{Timestamp: at, Pid: 300, Status: 137}), &deleted); err != nil {
		t.Fatal(err)
	}
	if want := (&taskapi.DeleteResponse{Pid: 300, ExitStatus: 137, ExitedAt: protobuf.ToTimestamp(at)}); !proto.Equal(&deleted, want) {
		t.Errorf("%v", &deleted)
	}
}
