package task

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	taskapi "github.com/containerd/containerd/api/runtime/task/v3"
	"github.com/containerd/containerd/v2/pkg/namespaces"
	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/wasmfile/wasmfile/pkg/artifact"
	"github.com/wasmfile/wasmfile/shim/bundle"
	"github.com/wasmfile/wasmfile/shim/codecache"
	"github.com/wasmfile/wasmfile/shim/engine"
	"github.com/wasmfile/wasmfile/shim/image"
)

// preparer makes the bundle of a WebAssembly container one that runs the
// engine.
type preparer struct {
	store *image.Store
}

// prepare returns nil for a native container, whose bundle it leaves alone.
func (p *preparer) prepare(ctx context.Context, r *taskapi.CreateTaskRequest) (*guest, error) {
	spec, err := bundle.Read(r.Bundle)
	if errors.Is(err, bundle.ErrInvalid) {
		// Not one that could be ours. runc says best what is wrong.
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if err := normalizeOptions(r, spec.Linux.CgroupsPath); err != nil {
		return nil, err
	}
	if bundle.IsPodSandbox(spec.Annotations) {
		return nil, nil
	}
	ctx, err = forContainerd(ctx)
	if err != nil {
		return nil, err
	}
	dirs, err := p.locate(ctx, r.Bundle)
	if err != nil {
		return nil, err
	}
	blobs := image.Blobs{Store: p.store, Root: dirs.containerd}
	found, err := image.Find(ctx, blobs, r.ID, spec.Annotations)
	if err != nil || found == nil {
		return nil, err
	}
	drain, err := bundle.HTTPDrain(spec.Annotations)
	if err != nil {
		return nil, err
	}
	code, command, err := p.code(ctx, dirs, blobs, spec, found)
	if err != nil {
		return nil, err
	}
	if err := rewrite(r, spec, code, command); err != nil {
		return nil, err
	}
	return &guest{bundle: r.Bundle, serves: code.HTTP, drain: drain}, nil
}

// forContainerd gives a request's namespace to the calls to containerd that
// are made for it.
func forContainerd(ctx context.Context) (context.Context, error) {
	ns, err := namespaces.NamespaceRequired(ctx)
	if err != nil {
		return nil, err
	}
	return namespaces.WithNamespace(ctx, ns), nil
}

// program is compiled code with the engine that compiled it.
type program struct {
	*codecache.Code
	engine *engine.Engine
}

// code chooses the component that the container's process names, has it
// compiled, and says how the engine is to run it.
func (p *preparer) code(ctx context.Context, d directories, b image.Blobs, spec *specs.Spec, found *image.Wasm) (*program, engine.Command, error) {
	var none engine.Command
	var arg0 string
	args := bundle.WithoutInit(spec.Process.Args)
	if len(args) > 0 {
		arg0 = args[0]
	}
	entry, err := artifact.Select(found.Layers, arg0)
	if err != nil {
		return nil, none, err
	}
	executable, err := engine.Find()
	if err != nil {
		return nil, none, err
	}
	installed, err := engine.Install(ctx, d.state, executable, bundle.CodeName, runReaped)
	if err != nil {
		return nil, none, err
	}
	cache := codecache.Cache{Blobs: b, Engine: installed, State: d.state, Run: runReaped}
	code, err := cache.Get(ctx, entry.Layer, d.bundle)
	if err != nil {
		return nil, none, err
	}
	code.HTTP = code.HTTP && entry.Func == ""
	command := engine.Command{
		EngineDir: bundle.EngineDir, Code: bundle.CodePath, GuestDir: bundle.GuestDir,
		Args: args, Env: spec.Process.Env, Cwd: spec.Process.Cwd,
		Func: entry.Func, Component: code.Component,
	}
	if command.Network, err = bundle.NetworkAllowed(spec.Annotations); err != nil {
		return nil, none, err
	}
	if code.HTTP {
		if command.HTTP, err = bundle.HTTPAddr(spec.Annotations, found.ExposedPorts); err != nil {
			return nil, none, err
		}
	}
	return &program{code, installed}, command, nil
}

// rewrite writes the config that runs the engine.
func rewrite(r *taskapi.CreateTaskRequest, spec *specs.Spec, p *program, command engine.Command) error {
	root := filepath.Join(r.Bundle, "engine-root")
	if err := bundle.MakeRoot(root); err != nil {
		return fmt.Errorf("make the root of the engine: %w", err)
	}
	rootfs := rootfsOf(r, spec)
	args, env := p.engine.Process(command)
	container := bundle.Container{
		Root: root, Rootfs: rootfs.path, Engine: p.engine.Dir, Code: p.Path, Args: args, Env: env,
		BindsLowPort: command.HTTP.IsValid() && command.HTTP.Port() < 1024,
		Resolve:      rootfs.resolve,
	}
	change := func() error { return bundle.Rewrite(spec, container) }
	if bundle.NeedsRootfs(spec) {
		change = func() error { return rootfs.mounted(func() error { return bundle.Rewrite(spec, container) }) }
	}
	if err := change(); err != nil {
		return err
	}
	return bundle.Write(r.Bundle, spec)
}
