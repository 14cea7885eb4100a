package task

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/containerd/containerd/v2/pkg/namespaces"
	"github.com/containerd/containerd/v2/pkg/shim"
	"github.com/containerd/containerd/v2/pkg/sys/reaper"
	"github.com/containerd/errdefs/pkg/errgrpc"
	"github.com/containerd/log"
	"github.com/containerd/ttrpc"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/wasmfile/wasmfile/shim/tracing"
)

var _ shim.TTRPCServerUnaryOptioner = (*Service)(nil)

// tracedMethods are the requests of which a span is recorded, and its name.
var tracedMethods = map[string]string{
	"/containerd.task.v3.Task/Create": "create",
	"/containerd.task.v3.Task/Start":  "start",
	"/containerd.task.v3.Task/Exec":   "exec",
	"/containerd.task.v3.Task/Delete": "delete",
}

// newTraces returns nil when nobody asks for traces, or when they cannot be
// had, which is no reason not to run containers.
func newTraces(ctx context.Context, p *preparer) *tracing.Recorder {
	if !tracing.Enabled(os.Getenv) {
		return nil
	}
	traces, err := func() (*tracing.Recorder, error) {
		if err := restoreServiceName(); err != nil {
			return nil, err
		}
		program, err := tracing.Find()
		if err != nil {
			return nil, err
		}
		bundleDir, err := os.Getwd()
		if err != nil {
			return nil, err
		}
		dirs, err := p.locate(ctx, bundleDir)
		if err != nil {
			return nil, err
		}
		return tracing.New(program, filepath.Join(dirs.state, "traces"), startReaped, log.G(ctx)), nil
	}()
	if err != nil {
		log.G(ctx).WithError(err).Warn("no traces")
	}
	return traces
}

// startReaped is a tracing.Starter for the shim's process, which reaps all
// its children in one place.
func startReaped(cmd *exec.Cmd) (func() (int, error), error) {
	exits, err := reaper.Default.Start(cmd)
	if err != nil {
		return nil, err
	}
	return func() (int, error) { return reaper.Default.Wait(cmd, exits) }, nil
}

// UnaryServerInterceptor implements shim.TTRPCServerUnaryOptioner: it records
// a span of each request that is worth one.
func (s *Service) UnaryServerInterceptor() ttrpc.UnaryServerInterceptor {
	return func(ctx context.Context, unmarshal ttrpc.Unmarshaler, info *ttrpc.UnaryServerInfo, method ttrpc.Method) (any, error) {
		s.idle.asked()
		name := tracedMethods[info.FullMethod]
		if name == "" || s.traces == nil {
			return method(ctx, unmarshal)
		}
		ctx, span := s.traces.Begin(ctx, name)
		span.Served = true
		response, err := method(ctx, func(request any) error {
			err := unmarshal(request)
			if r, ok := request.(interface{ GetID() string }); ok && err == nil {
				var execID string
				if r, ok := request.(interface{ GetExecID() string }); ok {
					execID = r.GetExecID()
				}
				s.describe(ctx, span, r.GetID(), execID)
			}
			return err
		})
		if err != nil {
			span.Fail(errorKind(err))
		}
		span.End()
		return response, err
	}
}

// describe adds what is known of a container to a span. Which component an
// exec runs is known when it is prepared.
func (s *Service) describe(ctx context.Context, span *tracing.Span, id, execID string) {
	if span == nil {
		return
	}
	ns, _ := namespaces.Namespace(ctx)
	span.Set(tracing.ContainerID, id)
	span.Set(tracing.Namespace, ns)
	span.Set(tracing.RuntimeName, "containerd")
	span.Set(tracing.ExecID, execID)
	g := s.guests.get(id)
	if g == nil {
		return
	}
	describeImage(span, g.wasm.Name, g.wasm.Manifest.String())
	if execID == "" {
		describeComponent(span, g.component, g.digest.String())
	}
}

func describeImage(span *tracing.Span, name, manifest string) {
	span.Set(tracing.ImageName, name)
	span.Set(tracing.ManifestDigest, manifest)
}

func describeComponent(span *tracing.Span, name, digest string) {
	span.Set(tracing.ComponentName, name)
	span.Set(tracing.ComponentDigest, digest)
}

// errorKind is the name of the code with which containerd's clients get an
// error.
func errorKind(err error) string {
	return status.Code(errgrpc.ToGRPC(err)).String()
}

// beginRun begins the span of a guest's own life, which ends with it, unless it has
// begun. It returns what forgets the span of one that could not be started.
func (s *Service) beginRun(ctx context.Context, id string, g *guest) (forget func()) {
	_, span := s.traces.Begin(ctx, "run")
	s.describe(ctx, span, id, "")
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.run != nil {
		return func() {}
	}
	g.run = span
	return func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.run = nil
	}
}

// endRun ends it with the status that is reported, at the time when the guest
// did. The event of that and the answer to whoever deletes the container come
// in any order.
func (g *guest) endRun(status uint32, at *timestamppb.Timestamp) {
	g.mu.Lock()
	span := g.run
	g.run = nil
	g.mu.Unlock()
	span.Exit(status)
	span.EndAt(at.AsTime())
}
