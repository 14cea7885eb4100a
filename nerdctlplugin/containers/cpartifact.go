package containers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/nerdctl/v2/pkg/api/types"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/wasmfile/wasmfile/nerdctlplugin/advice"
	"github.com/wasmfile/wasmfile/nerdctlplugin/filecopy"
	"github.com/wasmfile/wasmfile/nerdctlplugin/source"
	"github.com/wasmfile/wasmfile/pkg/artifact"
)

func copyFromArtifact(ctx context.Context, from, to string, o CopyOptions) error {
	name, src, ctx, err := copySource(ctx, from, o.Global)
	if err != nil {
		return err
	}
	defer src.Close()
	if src.Artifact.Form == artifact.FormImage && strings.HasPrefix(name, "/") {
		return copyFiles(ctx, src, name, to, o)
	}
	files := false
	err = src.WithComponents(ctx, o.Global.Snapshotter, func(components []ocispec.Descriptor, store content.Provider) error {
		found, err := componentsOf(src, components, name)
		if err != nil {
			files = strings.HasPrefix(name, "/")
			return err
		}
		var sources []*filecopy.Source
		for _, component := range found {
			sources = append(sources, filecopy.FileSource(artifact.Name(component), component.Size, func(out io.Writer) error {
				return source.WriteComponent(ctx, store, component, out)
			}))
		}
		return copyToHost(ctx, sources, to, o)
	})
	if files {
		return copyFiles(ctx, src, name, to, o)
	}
	return err
}

// copySource opens the artifact of REF or REF:NAME.
func copySource(ctx context.Context, from string, global types.GlobalCommandOptions) (name string, src *source.Source, _ context.Context, err error) {
	opened, src, err := source.Open(ctx, from, "", global)
	if err == nil {
		return "", src, opened, nil
	}
	colon := strings.LastIndexByte(from, ':')
	if colon < 0 {
		return "", nil, nil, advice.Add(err, "or give it as CONTAINER:PATH, REF:COMPONENT or REF:/PATH")
	}
	reference, name := from[:colon], from[colon+1:]
	if before, isDigest := strings.CutSuffix(reference, ":sha256"); isDigest {
		reference, name = before, "sha256:"+name
	}
	if opened, src, err = source.Open(ctx, reference, "", global); err != nil {
		return "", nil, nil, fmt.Errorf("there is no container and no artifact %s: %w", reference, err)
	}
	return name, src, opened, nil
}

// componentsOf are the components of an artifact that a name or pattern is of.
func componentsOf(src *source.Source, components []ocispec.Descriptor, name string) ([]ocispec.Descriptor, error) {
	if !isPattern(name) {
		component, err := src.ComponentOf(components, name)
		return []ocispec.Descriptor{component}, err
	}
	var found []ocispec.Descriptor
	for _, component := range components {
		matches, err := path.Match(name, path.Base(artifact.Name(component)))
		if err != nil {
			return nil, fmt.Errorf("pattern %s: %w", name, err)
		}
		if matches {
			found = append(found, component)
		}
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("%s has no component %s: there are %s", src.Name, name, strings.Join(artifact.Names(components), ", "))
	}
	return found, nil
}

func isPattern(name string) bool { return strings.ContainsAny(name, "*?[") }

// copyFiles copies what a path or pattern leads to in an artifact's filesystem layers.
func copyFiles(ctx context.Context, src *source.Source, name, to string, o CopyOptions) error {
	if src.Client == nil {
		return fmt.Errorf("%s is not in containerd: bring it there with `nerdctl wasm load` to copy its files", src.Name)
	}
	if len(src.Artifact.FilesystemLayers()) == 0 {
		return fmt.Errorf("%s has no file %s: it holds components only, which are %s", src.Name, name, strings.Join(artifact.Names(src.Artifact.WasmLayers()), ", "))
	}
	return src.WithFiles(ctx, o.Global.Snapshotter, func(root *os.Root) error {
		if err := copyFilesOf(ctx, root.Name(), name, to, o); err != nil {
			return fmt.Errorf("%s: %w", src.Name, err)
		}
		return nil
	})
}

func copyFilesOf(ctx context.Context, root, name, to string, o CopyOptions) error {
	tree, err := filecopy.OpenTree(root)
	if err != nil {
		return err
	}
	found, err := fileSources(tree, name, o)
	if err == nil {
		err = copyToHost(ctx, found, to, o)
	}
	return errors.Join(err, tree.Close())
}

func fileSources(tree *filecopy.Tree, name string, o CopyOptions) ([]*filecopy.Source, error) {
	names := []string{name}
	if isPattern(name) {
		var err error
		if names, err = tree.Glob(name); err != nil {
			return nil, fmt.Errorf("pattern %s: %w", name, err)
		}
		if len(names) == 0 {
			return nil, fmt.Errorf("there is no file %s", name)
		}
	}
	var found []*filecopy.Source
	for _, name := range names {
		source, err := tree.Source(name, o.FollowLink)
		if err != nil {
			return nil, err
		}
		found = append(found, source)
	}
	return found, nil
}
