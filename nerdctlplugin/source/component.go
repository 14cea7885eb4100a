package source

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/containerd/containerd/v2/core/content"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/wasmfile/wasmfile/pkg/artifact"
	"github.com/wasmfile/wasmfile/pkg/unpack"
)

// layerOf is the layer of an artifact with a name, which may be empty when there is
// only one.
func layerOf(of string, layers []ocispec.Descriptor, component string) (ocispec.Descriptor, error) {
	entry, err := artifact.Select(layers, component)
	if err != nil {
		return ocispec.Descriptor{}, fmt.Errorf("%s: %w", of, err)
	}
	name := artifact.Name(entry.Layer)
	// A single one is started by any name, but who asks for a name wants that.
	if component != "" && component != name && component+".wasm" != name && component != entry.Layer.Digest.String() {
		return ocispec.Descriptor{}, fmt.Errorf("%s has the component %s, and no %s", of, name, component)
	}
	return entry.Layer, nil
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
