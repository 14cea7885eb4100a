package task

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	taskapi "github.com/containerd/containerd/api/runtime/task/v3"
	"github.com/containerd/containerd/v2/pkg/namespaces"
	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/wasmfile/wasmfile/shim/bundle"
	"github.com/wasmfile/wasmfile/shim/codecache"
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
	allowed, err := policy.Load()
	if err != nil {
		return nil, err
	}
	cache, err := codecache.Open(ctx, blobs, dirs.state, allowed.Compile, runReaped)
	if err != nil {
		return nil, err
	}
	g, err := makeGuest(ctx, r, cache, allowed, spec, found)
	if err != nil {
		cache.Engine.Release()
		return nil, err
	}
	g.files = files
	return g, nil
}

// makeGuest chooses the program of a container, and rewrites its bundle.
func makeGuest(ctx context.Context, r *taskapi.CreateTaskRequest, cache *codecache.Cache, allowed *policy.Policy, spec *specs.Spec, found *image.Wasm) (*guest, error) {
	workdir := workdirOf(r, spec) // The engine gets another.
	chosen, err := choose(ctx, r.Bundle, cache, allowed, spec, found)
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
		bundle: r.Bundle, engine: chosen.engine, serves: chosen.serves(), addr: chosen.command.Server.Addr, drain: chosen.settings.Drain,
		component: chosen.name, network: chosen.settings.Network, digest: chosen.digest,
		wasm: found, dirs: chosen.dirs, workdir: workdir, code: map[string]string{chosen.code: bundle.CodePath},
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

func isDirectory(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}
