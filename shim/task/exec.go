package task

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"

	taskapi "github.com/containerd/containerd/api/runtime/task/v3"
	tasktypes "github.com/containerd/containerd/api/types/task"
	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/wasmfile/wasmfile/pkg/artifact"
	"github.com/wasmfile/wasmfile/shim/bundle"
	"github.com/wasmfile/wasmfile/shim/codecache"
	"github.com/wasmfile/wasmfile/shim/image"
	"github.com/wasmfile/wasmfile/shim/policy"
)

// maxProcessSize is the most bytes that the process of an Exec may have.
const maxProcessSize = 1 << 20

// Exec adds a process. In a WebAssembly container it is another component of
// the same image, or an export of one, named by the first argument: there is
// no other program inside it, and no shell.
func (s *Service) Exec(ctx context.Context, r *taskapi.ExecProcessRequest) (*emptypb.Empty, error) {
	g := s.guests.get(r.ID)
	if g == nil {
		return s.runc.Exec(ctx, r)
	}
	added, err := s.execInGuest(ctx, r, g)
	if err != nil {
		return nil, rpcError(fmt.Errorf("exec in container %s: %w", r.ID, err))
	}
	done, err := s.runc.Exec(ctx, added)
	if err == nil { // It is started later.
		g.watchOutput(r.ExecID, r.Stdout, r.Stderr)
	}
	return done, err
}

// startExec starts a process that was added, once. runc's service would take the
// process of a second start for another one, and wait for both; what it could not start,
// it would have end twice: either ends the shim, with all of its containers.
func (s *Service) startExec(ctx context.Context, r *taskapi.StartRequest) (started *taskapi.StartResponse, err error) {
	process := [2]string{r.ID, r.ExecID}
	if _, ok := s.starting.LoadOrStore(process, nil); ok {
		return nil, status.Errorf(codes.FailedPrecondition, "process %s of container %s is being started, or could not be: delete it to add it again", r.ExecID, r.ID)
	}
	tried := false
	defer func() {
		if !tried || err == nil { // What failed is kept until it is deleted.
			s.starting.Delete(process)
		}
	}()
	state, err := s.runc.State(ctx, &taskapi.StateRequest{ID: r.ID, ExecID: r.ExecID})
	if err != nil {
		return nil, err
	}
	switch state.Status {
	case tasktypes.Status_CREATED:
	case tasktypes.Status_PAUSED, tasktypes.Status_PAUSING:
		return nil, status.Errorf(codes.FailedPrecondition, "container %s is paused: resume it to start process %s", r.ID, r.ExecID)
	default:
		return nil, status.Errorf(codes.FailedPrecondition, "process %s of container %s was started already", r.ExecID, r.ID)
	}
	tried = true
	return s.runc.Start(ctx, r)
}

// forgetExecs forgets which processes of a container could not be started: the one of
// this ID, or all for none.
func (s *Service) forgetExecs(id, exec string) {
	s.starting.Range(func(key, _ any) bool {
		if process := key.([2]string); process[0] == id && (exec == "" || exec == process[1]) {
			s.starting.Delete(key)
		}
		return true
	})
}

// deleteExecs deletes what exec added to a container that has ended and that its client
// has not deleted: runc's service forgets it with the container, but leaves its pipes open,
// in a shim that may be other containers', too.
func (s *Service) deleteExecs(ctx context.Context, id string, g *guest) {
	execs := g.execs()
	if len(execs) == 0 {
		return
	}
	state, err := s.runc.State(ctx, &taskapi.StateRequest{ID: id})
	if err != nil || state.Status != tasktypes.Status_STOPPED {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, endWait) // for clients to read what it printed
	defer cancel()
	for _, exec := range execs {
		// One whose end nobody has seen yet is not deleted.
		_, _ = s.runc.Delete(ctx, &taskapi.DeleteRequest{ID: id, ExecID: exec})
	}
}

// execInGuest returns the request that runs the engine in the container,
// where runc gives it the container's namespaces, cgroups and seccomp filter.
func (s *Service) execInGuest(ctx context.Context, r *taskapi.ExecProcessRequest, g *guest) (*taskapi.ExecProcessRequest, error) {
	encoded := r.Spec.GetValue()
	if len(encoded) > maxProcessSize {
		return nil, fmt.Errorf("%w: the process has over %d bytes", bundle.ErrInvalid, maxProcessSize)
	}
	process := &specs.Process{}
	if err := json.Unmarshal(encoded, process); err != nil {
		return nil, fmt.Errorf("%w: process: %w", bundle.ErrInvalid, err)
	}
	p, err := s.preparer.prepareExec(ctx, process, g)
	if err != nil {
		return nil, err
	}
	if err := s.mountCode(ctx, r.ID, g, p.code, p.command.Code); err != nil {
		return nil, err
	}
	if encoded, err = json.Marshal(process); err != nil {
		return nil, fmt.Errorf("encode the process: %w", err)
	}
	added := proto.Clone(r).(*taskapi.ExecProcessRequest)
	added.Spec.Value = encoded
	return added, nil
}

// prepareExec makes a native process of the container one of the engine.
func (p *preparer) prepareExec(ctx context.Context, process *specs.Process, g *guest) (*program, error) {
	if g.files == "" {
		if err := named(g.wasm, process); err != nil {
			return nil, err
		}
	}
	ctx, err := forContainerd(ctx)
	if err != nil {
		return nil, err
	}
	dirs, err := p.locate(ctx, g.bundle)
	if err != nil {
		return nil, err
	}
	blobs, wasm := image.Blobs{Store: p.store, Root: dirs.containerd}, g.wasm
	if g.files != "" {
		if wasm, err = namedFile(ctx, blobs, g, process); err != nil {
			return nil, err
		}
	}
	// The container's own config, of which the annotations count.
	spec, err := bundle.Read(g.bundle)
	if err != nil {
		return nil, err
	}
	spec.Process = process
	allowed, err := policy.Load()
	if err != nil {
		return nil, err
	}
	// The engine that is in the container, which may not be the host's any more.
	cache := &codecache.Cache{Blobs: blobs, Engine: g.engine, State: dirs.state, Limits: allowed.Compile, Run: runReaped}
	chosen, err := choose(ctx, g.bundle, cache, allowed, spec, wasm)
	if err != nil {
		return nil, err
	}
	if chosen.serves() {
		return nil, fmt.Errorf("%w: %s handles HTTP and has no start of its own: call an export of it as %[2]s#func", errNoProgram, chosen.name)
	}
	chosen.command.Code = g.inside(chosen.code)
	args, env := chosen.process(g.dirs)
	bundle.RewriteProcess(process, args, env, false)
	return chosen, nil
}

// named checks that a process's first argument names a component. Unlike the
// start of a container, where the one component of an image is meant whatever
// the argument, a person who types "sh" has to be told that there is none.
func named(wasm *image.Wasm, process *specs.Process) error {
	arg0 := ""
	if len(process.Args) > 0 {
		arg0 = process.Args[0]
	}
	if _, err := artifact.Named(wasm.Layers, arg0); err != nil {
		return fmt.Errorf("%w: it runs WebAssembly and has no program %q: name a component, %s, or an export of one as NAME#func",
			errNoProgram, arg0, strings.Join(artifact.Names(wasm.Layers), ", "))
	}
	return nil
}

// inside is where code of the host is, or is to be mounted, in the container.
func (g *guest) inside(code string) string {
	g.mounting.Lock()
	defer g.mounting.Unlock()
	if there, ok := g.code[code]; ok {
		return there
	}
	return path.Join(bundle.ExecDir, filepath.Base(code)+".cwasm")
}

// mountCode mounts code of the host in a running container, once.
func (s *Service) mountCode(ctx context.Context, id string, g *guest, code, inside string) error {
	g.mounting.Lock()
	defer g.mounting.Unlock()
	if _, ok := g.code[code]; ok {
		return nil
	}
	_, pidfd, err := s.openInit(ctx, id)
	if err != nil {
		return err
	}
	defer unix.Close(pidfd)
	// The bundle's directory is mounted in the container, read-only there only.
	point := filepath.Join(execDir(g.bundle), filepath.Base(inside))
	if err := os.WriteFile(point, nil, 0o444); err != nil {
		return fmt.Errorf("make a mount point for code: %w", err)
	}
	if err := mountIn(pidfd, code, inside); err != nil {
		return fmt.Errorf("mount the code of a component: %w", err)
	}
	g.code[code] = inside
	return nil
}

// openInit returns the number and a pidfd of the first process of a container
// that has not ended.
func (s *Service) openInit(ctx context.Context, id string) (pid, pidfd int, err error) {
	state, err := s.runc.State(ctx, &taskapi.StateRequest{ID: id})
	if err != nil {
		return 0, -1, err
	}
	pid = int(state.Pid)
	if pidfd, err = unix.PidfdOpen(pid, 0); err != nil {
		return 0, -1, errNotRunning
	}
	// What still runs now is what was opened, and not a later process that
	// was given the same number.
	state, err = s.runc.State(ctx, &taskapi.StateRequest{ID: id})
	if err == nil && state.Status == tasktypes.Status_STOPPED {
		err = errNotRunning
	}
	if err != nil {
		_ = unix.Close(pidfd)
		return 0, -1, err
	}
	return pid, pidfd, nil
}
