package task

import (
	"context"
	"fmt"
	"os"

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
// what it gets, and has it compiled for that, with an engine that the caller keeps.
func choose(ctx context.Context, bundleDir string, cache *codecache.Cache, allowed *policy.Policy, spec *specs.Spec, found *image.Wasm) (*program, error) {
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
	component, err := cache.Inspect(ctx, entry.Layer, bundleDir)
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
	chosen.code, err = cache.Code(ctx, component, chosen.settings.Engine.CodeFlags(), bundleDir)
	return chosen, err
}

// settle decides what the container gets.
func (p *program) settle(allowed *policy.Policy, spec *specs.Spec, found *image.Wasm, serves bool) (err error) {
	inPod := bundle.InPod(spec.Annotations) && !usesHostNetwork(spec)
	p.settings, err = allowed.Settings(policy.Container{Annotations: spec.Annotations, Serves: serves, InPod: inPod})
	if err != nil {
		return err
	}
	addr, err := bundle.HTTPAddr(spec.Annotations, found.ExposedPorts)
	if err != nil {
		return err
	}
	s := p.settings
	p.command.Flags = s.Engine.Flags()
	p.command.Sockets = s.Network == policy.NetworkAllow
	p.command.HTTPClient = s.Network >= policy.NetworkHTTP && !serves
	if serves {
		p.command.Server = engine.Server{Addr: addr, Requests: s.Requests, Connections: s.Connections, Reuse: s.Reuse}
	}
	return nil
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

// process is the engine's for a guest with these directories.
func (p *program) process(dirs []bundle.Directory) (args, env []string) {
	p.dirs = dirs
	command := p.command
	for _, d := range dirs {
		command.Preopens = append(command.Preopens, engine.Preopen{Dir: d.Path, Name: d.Name})
	}
	return p.engine.Process(command)
}
