package daemon

import (
	"context"
	"errors"
	"fmt"
	"strings"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/errdefs"
	"github.com/containerd/nerdctl/v2/pkg/idutil/containerwalker"
	"github.com/containerd/nerdctl/v2/pkg/idutil/imagewalker"

	"github.com/wasmfile/wasmfile/nerdctlplugin/advice"
	"github.com/wasmfile/wasmfile/pkg/artifact"
	"github.com/wasmfile/wasmfile/pkg/unpack"
)

// FindContainer finds a container by its name, or by its ID or the beginning of
// that. It returns an error that matches errdefs.ErrNotFound when there is none.
func FindContainer(ctx context.Context, client *containerd.Client, raw string) (containerd.Container, error) {
	var found containerd.Container
	walker := containerwalker.ContainerWalker{
		Client: client,
		OnFound: func(_ context.Context, match containerwalker.Found) error {
			if match.MatchCount > 1 {
				return fmt.Errorf("%s is the beginning of several container IDs: give more of it", raw)
			}
			found = match.Container
			return nil
		},
	}
	if _, err := walker.Walk(ctx, raw); err != nil && !errdefs.IsInvalidArgument(err) { // of a filter: it is no name
		return nil, fmt.Errorf("look for container %s: %w", raw, err)
	}
	if found == nil {
		return nil, fmt.Errorf("container %s: %w", raw, errdefs.ErrNotFound)
	}
	return found, nil
}

// FindImage finds an image in containerd by its name, or by its ID or the
// beginning of that. It returns an error that matches errdefs.ErrNotFound when
// there is none.
func FindImage(ctx context.Context, client *containerd.Client, raw string) (images.Image, error) {
	var found images.Image
	ambiguous := false
	walker := imagewalker.ImageWalker{
		Client: client,
		OnFound: func(_ context.Context, match imagewalker.Found) error {
			byName := match.NameMatchIndex == match.MatchIndex
			if found.Name == "" || byName {
				found = match.Image
			}
			ambiguous = match.UniqueImages > 1 && match.NameMatchIndex < 0
			return nil
		},
	}
	count, err := walker.Walk(ctx, raw)
	switch {
	case err != nil && !errdefs.IsInvalidArgument(err):
		return images.Image{}, fmt.Errorf("look for image %s: %w", raw, err)
	case err != nil, count == 0: // what no filter can look for is no name
		return images.Image{}, fmt.Errorf("image %s: %w", raw, errdefs.ErrNotFound)
	case ambiguous:
		return images.Image{}, fmt.Errorf("%s is the beginning of several image IDs: give more of it", raw)
	}
	return found, nil
}

// PulledImage is FindImage for commands that do not pull: when there is no such image,
// the error says how to get it.
func PulledImage(ctx context.Context, client *containerd.Client, raw string) (images.Image, error) {
	image, err := FindImage(ctx, client, raw)
	switch {
	case errors.Is(err, errdefs.ErrNotFound) && (strings.HasPrefix(raw, "/") || strings.HasPrefix(raw, ".")):
		return image, advice.Add(err, "it looks like a file, which `nerdctl wasm import %s NAME` makes an image of", raw)
	case errors.Is(err, errdefs.ErrNotFound):
		return image, advice.Add(err, "pull it with `nerdctl wasm pull %s`, or list what there is with `nerdctl images`", raw)
	}
	return image, err
}

// AdviseImage tells what to do about an error of an image in containerd that the user
// called raw: one that is not there, or not all of it, or that has no Wasm. Other errors
// stay as they are.
func AdviseImage(err error, raw string) error {
	switch {
	case errors.Is(err, errdefs.ErrNotFound), errors.Is(err, unpack.ErrIncomplete):
		return advice.Add(err, "pull it with `nerdctl wasm pull %s`", raw)
	case errors.Is(err, artifact.ErrNoWasm):
		return advice.Add(err, "is it an ordinary image? `nerdctl run` runs those")
	}
	return err
}
