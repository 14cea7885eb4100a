// Package codecache keeps the machine code that an engine made of a component
// in containerd's content store, next to the component, so that a component
// is compiled once per engine and its code is collected when the component is.
package codecache

import (
	"context"
	"crypto/hmac"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/leases"
	"github.com/containerd/errdefs"
	"github.com/containerd/log"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/wasmfile/wasmfile/pkg/artifact"
	"github.com/wasmfile/wasmfile/pkg/wasm"
	"github.com/wasmfile/wasmfile/shim/bundle"
	"github.com/wasmfile/wasmfile/shim/engine"
	"github.com/wasmfile/wasmfile/shim/image"
	"github.com/wasmfile/wasmfile/shim/tracing"
)

const (
	// labelCode, followed by a variant, is the label of a Wasm blob that
	// holds the digest of the code which was made of it so. containerd's
	// garbage collector reads it as a reference.
	labelCode = "containerd.io/gc.ref.content.wasmfile."

	// labelSeal, followed by a variant, is the label of a Wasm blob that
	// holds the seal of that code.
	labelSeal = "io.github.wasmfile.code.seal."

	// labelStart is the label of a Wasm blob that says how it starts, so
	// that it is parsed once: startCommand, startHTTP or startNone.
	labelStart   = "io.github.wasmfile.wasm.start"
	startCommand = "command"
	startHTTP    = "http"
	startNone    = "none"

	// labelCodeOf is the label of code: the digest of its component.
	labelCodeOf = "io.github.wasmfile.code.of"

	leaseExpiry = 10 * time.Minute
)

// Cache compiles components with one engine, and remembers.
type Cache struct {
	Blobs  image.Blobs
	Engine *engine.Engine
	// State is the shim's own directory.
	State string
	// Limits are those of a compilation.
	Limits engine.CompileLimits
	// Run runs the compiler.
	Run engine.Runner
}

// Open returns the cache of the host's engine, which it installs below state
// when it is new.
func Open(ctx context.Context, blobs image.Blobs, state string, limits engine.CompileLimits, run engine.Runner) (*Cache, error) {
	executable, err := engine.Find()
	if err != nil {
		return nil, err
	}
	installed, err := engine.Install(ctx, state, executable, bundle.CodeName, run)
	if err != nil {
		return nil, err
	}
	return &Cache{Blobs: blobs, Engine: installed, State: state, Limits: limits, Run: run}, nil
}

// Component is a Wasm layer of which is known what it is.
type Component struct {
	Layer ocispec.Descriptor
	// Component tells a component from a core module.
	Component bool
	// HTTP says that it handles HTTP requests and has no start of its own.
	HTTP bool
	// Library says that it neither has a start of its own nor handles HTTP:
	// only its exports can be called.
	Library bool

	labels map[string]string
}

// Inspect says what a Wasm layer is: by what is remembered of it, else by its
// content. scratch is a directory for content that containerd does not keep in
// files.
func (c *Cache) Inspect(ctx context.Context, layer ocispec.Descriptor, scratch string) (*Component, error) {
	found := &Component{Layer: layer}
	if err := c.look(ctx, found); err != nil {
		return nil, err
	}
	if start, kind := found.labels[labelStart], found.labels[artifact.AnnotationKind]; start != "" && kind != "" {
		found.Component, found.HTTP, found.Library = kind == string(wasm.KindComponent), start == startHTTP, start == startNone
		return found, nil
	}
	file, err := c.Blobs.File(ctx, layer, scratch)
	if err != nil {
		return nil, fmt.Errorf("component %s: %w", artifact.Name(layer), err)
	}
	info, err := wasm.ParseFile(file)
	if err != nil {
		return nil, fmt.Errorf("component %s: %w", artifact.Name(layer), err)
	}
	found.Component = info.Kind == wasm.KindComponent
	found.HTTP = info.ServesHTTP() && !info.RunsAsCommand()
	found.Library = !info.ServesHTTP() && !info.RunsAsCommand()
	return found, nil
}

// look reads the labels of a component's blob.
func (c *Cache) look(ctx context.Context, component *Component) error {
	layer := component.Layer
	info, err := c.Blobs.Store.Content.Info(ctx, layer.Digest)
	if errdefs.IsNotFound(err) {
		return fmt.Errorf("containerd has no content %s of component %s: pull the image again: %w", layer.Digest, artifact.Name(layer), err)
	}
	if err != nil {
		return fmt.Errorf("look up component %s: %w", artifact.Name(layer), err)
	}
	component.labels = info.Labels
	return nil
}

// Code returns the file of the host that holds the code of a component for an
// engine that is given these flags. It compiles the component when that was
// not done yet, and when what was made is gone, damaged, or not this host's
// own. Whoever needs the same code meanwhile waits for it.
func (c *Cache) Code(ctx context.Context, component *Component, flags []string, scratch string) (string, error) {
	if path, err := c.lookup(ctx, component, flags, scratch); path != "" || err != nil {
		return path, err
	}
	layer := component.Layer
	unlock, err := lock(ctx, filepath.Join(c.State, "locks"), layer.Digest.Encoded())
	if err != nil {
		return "", fmt.Errorf("wait for the compilation of %s: %w", artifact.Name(layer), err)
	}
	defer unlock()
	if err := c.look(ctx, component); err != nil {
		return "", err
	}
	if path, err := c.lookup(ctx, component, flags, scratch); path != "" || err != nil {
		return path, err
	}
	return c.compile(ctx, component, flags, scratch)
}

// lookup returns no path when the component has to be compiled.
func (c *Cache) lookup(ctx context.Context, component *Component, flags []string, scratch string) (string, error) {
	variant := c.variant(flags)
	code, err := digest.Parse(component.labels[labelCode+variant])
	if err != nil {
		return "", nil //nolint:nilerr // No code yet, or a label that nobody can use.
	}
	logger := log.G(ctx).WithField("component", component.Layer.Digest)
	seal, err := c.seal(component.Layer.Digest, variant, code)
	if err != nil {
		return "", err
	}
	if !hmac.Equal([]byte(seal), []byte(component.labels[labelSeal+variant])) {
		logger.Warn("stored code is not from here, compiling again")
		return "", nil
	}
	path, err := c.Blobs.File(ctx, ocispec.Descriptor{Digest: code}, scratch)
	if err != nil {
		logger.WithError(err).Warn("stored code cannot be used, compiling again")
		return "", nil
	}
	return path, nil
}

func (c *Cache) compile(ctx context.Context, component *Component, flags []string, scratch string) (_ string, err error) {
	name := artifact.Name(component.Layer)
	ctx, span := tracing.Begin(ctx, "compile")
	span.Set(tracing.ComponentName, name)
	span.Set(tracing.ComponentDigest, component.Layer.Digest.String())
	defer func() {
		if err != nil {
			span.Fail("compile")
		}
		span.End()
	}()
	source, err := c.Blobs.File(ctx, component.Layer, scratch)
	if err != nil {
		return "", fmt.Errorf("component %s: %w", name, err)
	}
	file, remove, err := c.Engine.Compile(ctx, engine.Compilation{
		Dir: filepath.Join(c.State, "work"), Component: source, Flags: flags, Limits: c.Limits,
	}, c.Run)
	defer func() { err = errors.Join(err, remove()) }()
	if err != nil {
		return "", fmt.Errorf("component %s: %w", name, err)
	}
	desc, err := c.store(ctx, component, c.variant(flags), file)
	if err != nil {
		return "", fmt.Errorf("keep the code of component %s: %w", name, err)
	}
	path, err := c.Blobs.File(ctx, desc, scratch)
	if err == nil {
		return path, nil
	}
	// What is kept under this digest is damaged, and containerd takes it for
	// what it was given now.
	if path, err = c.Blobs.Repair(desc, file); err == nil {
		return path, nil
	}
	log.G(ctx).WithError(err).WithField("component", component.Layer.Digest).Warn("stored code cannot be used, giving the container its own")
	if path, err = image.CopyFile(scratch, desc, file); err != nil {
		return "", fmt.Errorf("keep the code of component %s: %w", name, err)
	}
	return path, nil
}

// store puts code into the content store and labels its component with it. A
// lease keeps the code from being collected before the label refers to it.
func (c *Cache) store(ctx context.Context, component *Component, variant, file string) (desc ocispec.Descriptor, err error) {
	store := c.Blobs.Store
	lease, err := store.Leases.Create(ctx, leases.WithRandomID(), leases.WithExpiration(leaseExpiry))
	if err != nil {
		return desc, fmt.Errorf("create a lease: %w", err)
	}
	defer func() {
		err = errors.Join(err, store.Leases.Delete(context.WithoutCancel(ctx), lease))
	}()
	ctx = leases.WithLease(ctx, lease.ID)
	f, err := os.Open(file)
	if err != nil {
		return desc, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	hash := digest.SHA256.Digester()
	if desc.Size, err = io.Copy(hash.Hash(), f); err != nil {
		return desc, err
	}
	desc.Digest = hash.Digest()
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return desc, err
	}
	of := map[string]string{labelCodeOf: component.Layer.Digest.String()}
	if err := store.Write(ctx, "wasmfile-code-"+desc.Digest.Encoded(), f, desc, content.WithLabels(of)); err != nil {
		return desc, fmt.Errorf("write %s: %w", desc.Digest, err)
	}
	return desc, c.relabel(ctx, component, variant, desc.Digest)
}

// relabel sets the labels of a component's blob that concern new code, and
// takes away those that refer to the code of other makers, which is of no more
// use.
func (c *Cache) relabel(ctx context.Context, component *Component, variant string, code digest.Digest) error {
	seal, err := c.seal(component.Layer.Digest, variant, code)
	if err != nil {
		return err
	}
	labels := map[string]string{
		labelCode + variant: code.String(), labelSeal + variant: seal,
		labelStart: startCommand, artifact.AnnotationKind: string(wasm.KindModule),
	}
	if component.HTTP {
		labels[labelStart] = startHTTP
	}
	if component.Library {
		labels[labelStart] = startNone
	}
	if component.Component {
		labels[artifact.AnnotationKind] = string(wasm.KindComponent)
	}
	for key := range component.labels {
		for _, prefix := range []string{labelCode, labelSeal} {
			if rest, ok := strings.CutPrefix(key, prefix); ok && !strings.HasPrefix(rest, c.maker()+".") {
				labels[key] = ""
			}
		}
	}
	fields := make([]string, 0, len(labels))
	for key := range labels {
		fields = append(fields, "labels."+key)
	}
	digest := component.Layer.Digest
	if _, err := c.Blobs.Store.Content.Update(ctx, content.Info{Digest: digest, Labels: labels}, fields...); err != nil {
		return fmt.Errorf("label %s: %w", digest, err)
	}
	return nil
}
