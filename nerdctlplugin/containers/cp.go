package containers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/mount"
	"github.com/containerd/nerdctl/v2/pkg/api/types"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/wasmfile/wasmfile/nerdctlplugin/advice"
	"github.com/wasmfile/wasmfile/nerdctlplugin/daemon"
	"github.com/wasmfile/wasmfile/nerdctlplugin/filecopy"
	"github.com/wasmfile/wasmfile/nerdctlplugin/source"
	"github.com/wasmfile/wasmfile/pkg/artifact"
)

// guestDir is where the files of a guest that runs are in its container, beside
// the engine; docs/shim.md says so.
const guestDir = "/guest"

// stream stands for a tar archive on a standard stream, as an argument of cp.
const stream = "-"

// CopyOptions are those of Copy.
type CopyOptions struct {
	// Global are nerdctl's global options.
	Global types.GlobalCommandOptions
	// FollowLink copies what a link leads to, and not the link, if the source is
	// one.
	FollowLink bool
	// Stdin and Stdout are where tar archives come from and go to.
	Stdin  io.Reader
	Stdout io.Writer
}

// Copy copies from and to guests, which are CONTAINER:PATH, or from an artifact to
// this machine: REF:COMPONENT, REF:/PATH, or REF alone for one with one component.
// Components and paths of artifacts may be patterns. It returns false for a container
// that is no guest, which is nerdctl's to copy from or to.
func Copy(ctx context.Context, from, to string, o CopyOptions) (bool, error) {
	fromName, sourcePath := containerPath(from)
	toName, path := containerPath(to)
	if fromName == "" && toName == "" {
		return true, copyFromArtifact(ctx, from, to, o)
	}
	client, ctx, done, err := daemon.Connect(ctx, o.Global)
	if err != nil {
		return true, err
	}
	defer done()
	source, destination := containerNamed(ctx, client, fromName), containerNamed(ctx, client, toName)
	switch {
	case source != nil && destination != nil:
		return true, errors.New("files cannot be copied from one container to another: copy them to this machine first")
	case toName != "" && destination == nil:
		return true, fmt.Errorf("there is no container %s to copy to", toName)
	case source == nil && destination == nil:
		return true, copyFromArtifact(ctx, from, to, o)
	case source != nil:
		return withGuestFiles(ctx, client, source, sourcePath, false, func(tree *filecopy.Tree, below string) error {
			found, err := tree.Source(below, o.FollowLink)
			if err != nil {
				return err
			}
			return copyToHost(ctx, []*filecopy.Source{found}, to, o)
		})
	}
	return withGuestFiles(ctx, client, destination, path, true, func(tree *filecopy.Tree, below string) error {
		if from == stream {
			return extractStdin(ctx, tree, below, o)
		}
		return withHost(func(host *filecopy.Tree) error {
			found, err := hostSource(host, from, o)
			if err != nil {
				return err
			}
			return found.CopyTo(ctx, tree, below)
		})
	})
}

// extractStdin does not wait for input when the context ends.
func extractStdin(ctx context.Context, tree *filecopy.Tree, to string, o CopyOptions) error {
	extracted := make(chan error, 1)
	go func() { extracted <- filecopy.Extract(o.Stdin, tree, to) }()
	select {
	case err := <-extracted:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// containerPath are the parts of an argument that may be CONTAINER:PATH, empty for
// one that is not.
func containerPath(argument string) (name, file string) {
	name, file, ok := strings.Cut(argument, ":")
	if !ok || strings.ContainsRune(name, '/') || strings.HasPrefix(name, ".") {
		return "", ""
	}
	return name, file
}

// containerNamed is nil for what is no container: it may be an artifact's name.
func containerNamed(ctx context.Context, client *containerd.Client, name string) containerd.Container {
	if name == "" {
		return nil
	}
	found, err := daemon.FindContainer(ctx, client, name)
	if err != nil {
		return nil
	}
	return found
}

// withGuestFiles shows the files of a guest of this project's shim, with the path in
// them. It returns false for another container.
func withGuestFiles(ctx context.Context, client *containerd.Client, c containerd.Container, file string, write bool, do func(*filecopy.Tree, string) error) (bool, error) {
	g, err := guestOf(ctx, client, c)
	if err != nil || g == nil || !g.ours {
		return err != nil, err
	}
	var copied error // not wrapped with where the files were shown
	show := func(dir, below string) error {
		tree, err := filecopy.OpenTree(dir)
		if err != nil {
			return err
		}
		copied = do(tree, below)
		return tree.Close()
	}
	if pid := livePID(ctx, c); pid != 0 {
		err = show(fmt.Sprintf("/proc/%d/root%s", pid, guestDir), file)
	} else {
		err = g.withStoredFiles(ctx, client, c, file, write, show)
	}
	if copied != nil {
		copied = fmt.Errorf("in container %s: %w", c.ID()[:min(len(c.ID()), 12)], copied)
	}
	return true, errors.Join(copied, err)
}

// livePID is the process of a container that runs or is paused, else 0.
func livePID(ctx context.Context, c containerd.Container) uint32 {
	task, err := c.Task(ctx, nil)
	if err != nil {
		return 0
	}
	status, err := task.Status(ctx)
	if err != nil || status.Status != containerd.Running && status.Status != containerd.Paused {
		return 0
	}
	return task.Pid()
}

// withStoredFiles shows the files of a guest that does not run: those of its snapshot,
// or of the volume that the path is in.
func (g *guest) withStoredFiles(ctx context.Context, client *containerd.Client, c containerd.Container, file string, write bool, show func(dir, below string) error) error {
	readOnly := fmt.Errorf("%s is read-only in container %s", file, c.ID())
	if over, ok := mountOver(g.spec.Mounts, path.Clean("/"+file)); ok && isBind(over) {
		if write && slices.Contains(over.Options, "ro") {
			return readOnly
		}
		below := strings.TrimPrefix(path.Clean("/"+file), over.Destination) + pathEnd(file)
		if info, err := os.Stat(over.Source); err == nil && !info.IsDir() {
			return show(filepath.Dir(over.Source), filepath.Base(over.Source)+below)
		}
		return show(over.Source, below)
	}
	if write && g.spec.Root != nil && g.spec.Root.Readonly {
		return readOnly
	}
	record, err := c.Info(ctx)
	if err != nil {
		return fmt.Errorf("container %s: %w", c.ID(), err)
	}
	mounts, err := snapshotMounts(ctx, client, record)
	if err != nil {
		return err
	}
	mounted := mount.WithReadonlyTempMount
	if write {
		mounted = mount.WithTempMount
	}
	return mounted(ctx, mounts, func(root string) error { return show(root, file) })
}

// pathEnd is what a path says by its end about a directory.
func pathEnd(file string) string {
	switch {
	case strings.HasSuffix(file, "/."):
		return "/."
	case strings.HasSuffix(file, "/"):
		return "/"
	}
	return ""
}

func withHost(do func(*filecopy.Tree) error) error {
	host, err := filecopy.OpenTree("/")
	if err != nil {
		return err
	}
	return errors.Join(do(host), host.Close())
}

// hostPath is a path of this machine as one of the tree of all.
func hostPath(file string) (string, error) {
	absolute, err := filepath.Abs(file)
	if file == "." {
		return absolute + "/.", err
	}
	return absolute + pathEnd(file), err
}

func hostSource(host *filecopy.Tree, file string, o CopyOptions) (*filecopy.Source, error) {
	absolute, err := hostPath(file)
	if err != nil {
		return nil, err
	}
	return host.Source(absolute, o.FollowLink)
}

// copyToHost copies to a file or directory of this machine, which has to be a
// directory for several sources, or writes an archive.
func copyToHost(ctx context.Context, sources []*filecopy.Source, to string, o CopyOptions) error {
	if to == stream {
		return filecopy.WriteTar(ctx, o.Stdout, sources...)
	}
	absolute, err := hostPath(to)
	if err != nil {
		return err
	}
	if info, err := os.Stat(to); len(sources) > 1 && (err != nil || !info.IsDir()) {
		return fmt.Errorf("%s is not a directory, and there are %d files to copy", to, len(sources))
	}
	return withHost(func(host *filecopy.Tree) error {
		for _, found := range sources {
			if err := found.CopyTo(ctx, host, absolute); err != nil {
				return err
			}
		}
		return nil
	})
}

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
