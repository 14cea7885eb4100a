package source

import (
	"context"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/containerd/containerd/v2/core/content"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/wasmfile/wasmfile/nerdctlplugin/advice"
	"github.com/wasmfile/wasmfile/pkg/artifact"
	"github.com/wasmfile/wasmfile/pkg/unpack"
)

// ComponentOf is the component that a name is of, as artifact.Named reads it; the name may
// be empty when there is only one. Components that are files are also found by the last
// part of their path, if no other one has it.
func (s *Source) ComponentOf(components []ocispec.Descriptor, name string) (ocispec.Descriptor, error) {
	isImage := s.Artifact.Form == artifact.FormImage
	switch {
	case isImage && s.Layout != nil:
		return ocispec.Descriptor{}, advice.Add(fmt.Errorf("%s: its component is a file, and the files of a layout are packed", s.Name), "bring it into containerd with `nerdctl wasm load`")
	case len(components) == 0:
		return ocispec.Descriptor{}, fmt.Errorf("%s: %w: none of its files is", s.Name, artifact.ErrNoWasm)
	case name == "" && len(components) == 1:
		return components[0], nil
	}
	names := strings.Join(artifact.Names(components), ", ")
	if name == "" {
		return ocispec.Descriptor{}, fmt.Errorf("%s: which of its components is meant? There are %s", s.Name, names)
	}
	if entry, err := artifact.Named(components, name); err == nil {
		return entry.Layer, nil
	}
	if isImage {
		if found := withBase(components, name); len(found) == 1 {
			return found[0], nil
		} else if len(found) > 1 {
			return ocispec.Descriptor{}, fmt.Errorf("%s: which %s is meant? There are %s", s.Name, name, strings.Join(artifact.Names(found), ", "))
		}
	}
	return ocispec.Descriptor{}, fmt.Errorf("%s: no component is named %q; there are %s", s.Name, name, names)
}

// withBase are the components whose path ends with a name.
func withBase(components []ocispec.Descriptor, name string) []ocispec.Descriptor {
	var found []ocispec.Descriptor
	for _, component := range components {
		base := component
		base.Annotations = map[string]string{ocispec.AnnotationTitle: path.Base(artifact.Name(component))}
		if _, err := artifact.Named([]ocispec.Descriptor{base}, name); err == nil {
			found = append(found, component)
		}
	}
	return found
}

// WriteComponent writes a component, and returns an error when that was not it.
func WriteComponent(ctx context.Context, store content.Provider, layer ocispec.Descriptor, out io.Writer) error {
	name := artifact.Name(layer)
	opened, err := unpack.FromStore(store).Fetch(ctx, layer)
	if err != nil {
		return fmt.Errorf("open component %s: %w", name, err)
	}
	defer opened.Close()
	verifier := layer.Digest.Verifier()
	if _, err := io.Copy(io.MultiWriter(out, verifier), opened); err != nil {
		return fmt.Errorf("write component %s: %w", name, err)
	}
	if !verifier.Verified() {
		return fmt.Errorf("component %s: %w: it is not %s", name, artifact.ErrDigestMismatch, layer.Digest)
	}
	return nil
}

// WASIVersion is the highest WASI of an artifact's components, as "0.2".
// Platforms say it, except in forms without one.
func WASIVersion(ctx context.Context, store content.Provider, a *artifact.Artifact) string {
	if version, ok := strings.CutPrefix(a.Config.OS, "wasip"); ok {
		return "0." + version
	}
	highest := "-"
	for _, layer := range a.WasmLayers() {
		if info, err := unpack.Parse(ctx, store, layer); err == nil {
			highest = max(highest, info.WASI.Version())
		}
	}
	return highest
}
