package task

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	taskapi "github.com/containerd/containerd/api/runtime/task/v3"
	"github.com/containerd/containerd/v2/pkg/namespaces"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/wasmfile/wasmfile/pkg/artifact"
	"github.com/wasmfile/wasmfile/pkg/executable"
	"github.com/wasmfile/wasmfile/shim/bundle"
	"github.com/wasmfile/wasmfile/shim/codecache"
	"github.com/wasmfile/wasmfile/shim/engine"
	"github.com/wasmfile/wasmfile/shim/image"
	"github.com/wasmfile/wasmfile/shim/policy"
	"github.com/wasmfile/wasmfile/shim/tracing"
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
	found, files, err := find(ctx, blobs, r, spec)
	if err != nil || found == nil {
		return nil, err
	}
	describeImage(tracing.FromContext(ctx), found.Name, found.Manifest.String())
	chosen, err := p.choose(ctx, dirs, blobs, spec, found)
	if err != nil {
		return nil, err
	}
	if err := useRuntime(r, chosen.runtime); err != nil {
		return nil, err
	}
	if err := rewrite(r, spec, chosen); err != nil {
		return nil, err
	}
	return &guest{
		bundle: r.Bundle, serves: chosen.serves(), addr: chosen.command.Server.Addr, drain: chosen.settings.Drain,
		component: chosen.name, digest: chosen.digest,
		wasm: found, files: files, dirs: chosen.dirs, code: map[string]string{chosen.code: bundle.CodePath},
	}, nil
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

// program is a component that is ready to run: its code, the engine that made
// it, what the engine is told, and what the container gets.
type program struct {
	name     string
	digest   digest.Digest
	code     string
	engine   *engine.Engine
	command  engine.Command
	settings policy.Settings
	// runtime is policy.Policy.Runtime.
	runtime string
	// dirs are the guest's directories besides its root, once the process was
	// made.
	dirs []bundle.Directory
}

func (p *program) serves() bool { return p.command.Server.Addr.IsValid() }

// choose chooses the component that the container's process names, decides
// what it gets, and has it compiled for that.
func (p *preparer) choose(ctx context.Context, d directories, b image.Blobs, spec *specs.Spec, found *image.Wasm) (*program, error) {
	allowed, err := policy.Load()
	if err != nil {
		return nil, err
	}
	var arg0 string
	args := executable.WithoutInit(spec.Process.Args)
	if len(args) > 0 {
		arg0 = args[0]
	}
	entry, err := artifact.Select(found.Layers, arg0)
	if err != nil {
		return nil, err
	}
	describeComponent(tracing.FromContext(ctx), artifact.Name(entry.Layer), entry.Layer.Digest.String())
	cache, err := codecache.Open(ctx, b, d.state, allowed.Compile, runReaped)
	if err != nil {
		return nil, err
	}
	component, err := cache.Inspect(ctx, entry.Layer, d.bundle)
	if err != nil {
		return nil, err
	}
	if component.Library && entry.Func == "" {
		return nil, fmt.Errorf("%w: %s has no start of its own, and does not handle HTTP: call an export of it as %[2]s#FUNC", errNoProgram, artifact.Name(entry.Layer))
	}
	chosen := &program{name: artifact.Name(entry.Layer), digest: entry.Layer.Digest, engine: cache.Engine, runtime: allowed.Runtime, command: engine.Command{
		EngineDir: bundle.EngineDir, Code: bundle.CodePath, GuestDir: bundle.GuestDir,
		Args: args, Env: spec.Process.Env, Cwd: spec.Process.Cwd,
		Func: entry.Func, Component: component.Component,
	}}
	serves := component.HTTP && entry.Func == ""
	if err := chosen.settle(allowed, spec, found, serves); err != nil {
		return nil, err
	}
	if err := chosen.command.Check(); err != nil {
		return nil, err
	}
	chosen.code, err = cache.Code(ctx, component, chosen.settings.Engine.CodeFlags(), d.bundle)
	return chosen, err
}

// settle decides what the container gets.
func (p *program) settle(allowed *policy.Policy, spec *specs.Spec, found *image.Wasm, serves bool) (err error) {
	inPod := bundle.InPod(spec.Annotations) && !usesHostNetwork(spec)
	p.settings, err = allowed.Settings(policy.Container{Annotations: spec.Annotations, Serves: serves, InPod: inPod})
	if err != nil {
		return err
	}
	s := p.settings
	p.command.Flags = s.Engine.Flags()
	p.command.Sockets = s.Network == policy.NetworkAllow
	p.command.HTTPClient = s.Network >= policy.NetworkHTTP && !serves
	if !serves {
		return nil
	}
	addr, err := bundle.HTTPAddr(spec.Annotations, found.ExposedPorts)
	p.command.Server = engine.Server{Addr: addr, Requests: s.Requests, Connections: s.Connections, Reuse: s.Reuse}
	return err
}

// usesHostNetwork reports whether a container has no network of its own, nor
// that of a pod.
func usesHostNetwork(spec *specs.Spec) bool {
	for _, ns := range spec.Linux.Namespaces {
		if ns.Type != specs.NetworkNamespace {
			continue
		}
		if ns.Path == "" {
			return false
		}
		theirs, err := os.Stat(ns.Path)
		ours, ourErr := os.Stat("/proc/self/ns/net")
		return err != nil || ourErr != nil || os.SameFile(theirs, ours)
	}
	return true
}

// engineRoot is the directory of a bundle that is the container's root.
func engineRoot(bundle string) string { return filepath.Join(bundle, "engine-root") }

// execDir is the directory of a bundle in which the code of processes that are
// added to the container gets its mount points.
func execDir(bundle string) string { return filepath.Join(bundle, "engine-exec") }

// rewrite writes the config that runs the engine.
func rewrite(r *taskapi.CreateTaskRequest, spec *specs.Spec, p *program) error {
	root := engineRoot(r.Bundle)
	if err := bundle.MakeRoot(root, spec.Mounts); err != nil {
		return fmt.Errorf("make the root of the engine: %w", err)
	}
	if err := bundle.MakeDir(execDir(r.Bundle)); err != nil {
		return fmt.Errorf("make the directory for the code of execs: %w", err)
	}
	rootfs := rootfsOf(r, spec)
	addr := p.command.Server.Addr
	container := bundle.Container{
		Root: root, Rootfs: rootfs.path, Engine: p.engine.Dir, Code: p.code, Exec: execDir(r.Bundle),
		Process: p.process, Resolve: rootfs.resolve, IsDirectory: isDirectory,
		Network:       p.settings.Network == policy.NetworkAllow,
		NoConnections: p.serves() && p.settings.Network == policy.NetworkDeny,
		BindsLowPort:  p.serves() && addr.Port() < 1024,
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

// process is the engine's for a guest with these directories.
func (p *program) process(dirs []bundle.Directory) (args, env []string) {
	p.dirs = dirs
	command := p.command
	for _, d := range dirs {
		command.Preopens = append(command.Preopens, engine.Preopen{Dir: d.Path, Name: d.Name})
	}
	return p.engine.Process(command)
}

func isDirectory(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}
