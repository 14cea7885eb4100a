package containers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/nerdctl/v2/pkg/api/types"

	"github.com/wasmfile/wasmfile/nerdctlplugin/daemon"
	"github.com/wasmfile/wasmfile/nerdctlplugin/filecopy"
)

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
// Components and paths of artifacts may be patterns. It returns ErrForNerdctl
// for a container that is no guest of this project's shim.
func Copy(ctx context.Context, from, to string, o CopyOptions) error {
	fromName, sourcePath := containerPath(from)
	toName, path := containerPath(to)
	if fromName == "" && toName == "" {
		return copyFromArtifact(ctx, from, to, o)
	}
	client, ctx, done, err := daemon.Connect(ctx, o.Global)
	if err != nil {
		return err
	}
	defer done()
	source, destination := containerNamed(ctx, client, fromName), containerNamed(ctx, client, toName)
	switch {
	case source != nil && destination != nil:
		return errors.New("files cannot be copied from one container to another: copy them to this machine first")
	case toName != "" && destination == nil:
		return fmt.Errorf("there is no container %s to copy to", toName)
	case source == nil && destination == nil:
		return copyFromArtifact(ctx, from, to, o)
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
