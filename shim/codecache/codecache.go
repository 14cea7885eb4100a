// Package codecache keeps the machine code that an engine made of a component
// in containerd's content store, next to the component, so that a component
// is compiled once per engine and its code is collected when the component is.
package codecache

import (
	"context"
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
	"golang.org/x/sys/unix"

	"github.com/wasmfile/wasmfile/pkg/artifact"
	"github.com/wasmfile/wasmfile/pkg/wasm"
	"github.com/wasmfile/wasmfile/shim/engine"
	"github.com/wasmfile/wasmfile/shim/image"
)

const (
	// labelCode, followed by the beginning of an engine's digest, is the
	// label of a Wasm blob that holds the digest of the code which that
	// engine made of it. containerd's garbage collector reads it as a
	// reference.
	labelCode = "containerd.io/gc.ref.content.wasmfile."

	// labelStart is the label of a Wasm blob that says how it starts, so
	// that it is parsed once: startCommand or startHTTP.
	labelStart   = "io.github.wasmfile.wasm.start"
	startCommand = "command"
	startHTTP    = "http"

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
	// Run runs the compiler.
	Run engine.Runner
}

// Code is a component that is ready to run.
type Code struct {
	// Path is the file of the host that holds the machine code.
	Path string
	// Component tells a component from a core module.
	Component bool
	// HTTP says that it handles HTTP requests and has no start of its own.
	HTTP bool
}

// Get returns the code of a Wasm layer, compiling it when the engine has not
// done so yet or when what it made is gone or damaged. scratch is a directory
// of the container, for content that containerd does not keep in files.
func (c *Cache) Get(ctx context.Context, layer ocispec.Descriptor, scratch string) (*Code, error) {
	if code, err := c.lookup(ctx, layer, scratch); code != nil || err != nil {
		return code, err
	}
	unlock, err := lock(ctx, filepath.Join(c.State, "locks"), layer.Digest.Encoded())
	if err != nil {
		return nil, fmt.Errorf("wait for the compilation of %s: %w", artifact.Name(layer), err)
	}
	defer unlock()
	if code, err := c.lookup(ctx, layer, scratch); code != nil || err != nil {
		return code, err
	}
	return c.compile(ctx, layer, scratch)
}

func (c *Cache) label() string { return labelCode + c.Engine.Digest[:16] }

// lookup returns nil when the layer has to be compiled.
func (c *Cache) lookup(ctx context.Context, layer ocispec.Descriptor, scratch string) (*Code, error) {
	info, err := c.Blobs.Store.Content.Info(ctx, layer.Digest)
	if errdefs.IsNotFound(err) {
		return nil, fmt.Errorf("containerd has no content %s of component %s: pull the image again: %w", layer.Digest, artifact.Name(layer), err)
	}
	if err != nil {
		return nil, fmt.Errorf("look up component %s: %w", artifact.Name(layer), err)
	}
	start, kind := info.Labels[labelStart], info.Labels[artifact.AnnotationKind]
	if start == "" || kind == "" {
		return nil, nil
	}
	code, err := digest.Parse(info.Labels[c.label()])
	if err != nil {
		return nil, nil //nolint:nilerr // No code yet, or a label that nobody can use.
	}
	path, err := c.Blobs.File(ctx, ocispec.Descriptor{Digest: code}, scratch)
	if err != nil {
		log.G(ctx).WithError(err).WithField("component", layer.Digest).Warn("stored code cannot be used, compiling again")
		return nil, c.discard(ctx, code)
	}
	return &Code{Path: path, Component: kind == string(wasm.KindComponent), HTTP: start == startHTTP}, nil
}

// discard removes code that is damaged. containerd would otherwise take the
// damaged file for the new code, whose digest is the same, so it is made to
// collect its garbage, which a synchronous deletion does.
func (c *Cache) discard(ctx context.Context, code digest.Digest) error {
	store := c.Blobs.Store
	if err := store.Content.Delete(ctx, code); err != nil && !errdefs.IsNotFound(err) {
		return fmt.Errorf("remove damaged code %s: %w", code, err)
	}
	lease, err := store.Leases.Create(ctx, leases.WithRandomID(), leases.WithExpiration(leaseExpiry))
	if err != nil {
		return fmt.Errorf("remove damaged code %s: %w", code, err)
	}
	if err := store.Leases.Delete(ctx, lease, leases.SynchronousDelete); err != nil {
		return fmt.Errorf("remove damaged code %s: %w", code, err)
	}
	return nil
}

func (c *Cache) compile(ctx context.Context, layer ocispec.Descriptor, scratch string) (_ *Code, err error) {
	name := artifact.Name(layer)
	component, err := c.Blobs.File(ctx, layer, scratch)
	if err != nil {
		return nil, fmt.Errorf("component %s: %w", name, err)
	}
	info, err := wasm.ParseFile(component)
	if err != nil {
		return nil, fmt.Errorf("component %s: %w", name, err)
	}
	file, remove, err := c.Engine.Compile(ctx, filepath.Join(c.State, "work"), component, c.Run)
	defer func() { err = errors.Join(err, remove()) }()
	if err != nil {
		return nil, fmt.Errorf("component %s: %w", name, err)
	}
	start := startCommand
	if info.ServesHTTP() && !info.RunsAsCommand() {
		start = startHTTP
	}
	desc, err := c.store(ctx, layer, file, map[string]string{
		labelStart: start, artifact.AnnotationKind: string(info.Kind),
	})
	if err != nil {
		return nil, fmt.Errorf("keep the code of component %s: %w", name, err)
	}
	path, err := c.Blobs.File(ctx, desc, scratch)
	if err != nil {
		// A damaged file that another namespace of containerd holds on to.
		log.G(ctx).WithError(err).WithField("component", layer.Digest).Warn("stored code cannot be used, giving the container its own")
		path = filepath.Join(scratch, desc.Digest.Encoded())
		if err := copyFile(path, file); err != nil {
			return nil, fmt.Errorf("keep the code of component %s: %w", name, err)
		}
	}
	return &Code{Path: path, Component: info.Kind == wasm.KindComponent, HTTP: start == startHTTP}, nil
}

func copyFile(target, source string) (err error) {
	in, err := os.Open(source)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	out, err := os.OpenFile(target, os.O_WRONLY|os.O_CREATE|os.O_TRUNC|unix.O_NOFOLLOW, 0o444)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// store puts code into the content store and labels its component with it. A
// lease keeps the code from being collected before the label refers to it.
func (c *Cache) store(ctx context.Context, layer ocispec.Descriptor, file string, labels map[string]string) (desc ocispec.Descriptor, err error) {
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
	ref := "wasmfile-code-" + desc.Digest.Encoded()
	err = content.WriteBlob(ctx, store.Content, ref, f, desc, content.WithLabels(map[string]string{labelCodeOf: layer.Digest.String()}))
	if err != nil {
		return desc, fmt.Errorf("write %s: %w", desc.Digest, err)
	}
	labels[c.label()] = desc.Digest.String()
	return desc, c.relabel(ctx, layer, labels)
}

// relabel sets labels of a layer's blob, and takes away those that refer to
// the code of other engines, which is of no more use once the engine changed.
func (c *Cache) relabel(ctx context.Context, layer ocispec.Descriptor, labels map[string]string) error {
	info, err := c.Blobs.Store.Content.Info(ctx, layer.Digest)
	if err != nil {
		return fmt.Errorf("look up %s: %w", layer.Digest, err)
	}
	for key := range info.Labels {
		if _, set := labels[key]; !set && strings.HasPrefix(key, labelCode) {
			labels[key] = ""
		}
	}
	fields := make([]string, 0, len(labels))
	for key := range labels {
		fields = append(fields, "labels."+key)
	}
	if _, err := c.Blobs.Store.Content.Update(ctx, content.Info{Digest: layer.Digest, Labels: labels}, fields...); err != nil {
		return fmt.Errorf("label %s: %w", layer.Digest, err)
	}
	return nil
}
