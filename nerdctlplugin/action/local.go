package action

import (
	"context"
	"errors"
	"fmt"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/errdefs"
	"github.com/containerd/nerdctl/v2/pkg/api/types"
	"github.com/containerd/nerdctl/v2/pkg/idutil/imagewalker"
)

// findLocal finds an image in containerd by its name, or by its ID or the
// beginning of that. It returns an error that matches errdefs.ErrNotFound when
// there is none.
func findLocal(ctx context.Context, client *containerd.Client, raw string) (images.Image, error) {
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
	case err != nil:
		return images.Image{}, fmt.Errorf("look for image %s: %w", raw, err)
	case count == 0:
		return images.Image{}, fmt.Errorf("image %s: %w", raw, errdefs.ErrNotFound)
	case ambiguous:
		return images.Image{}, fmt.Errorf("%s is the beginning of several image IDs: give more of it", raw)
	}
	return found, nil
}

// localOrAdvice is findLocal for commands that do not pull.
func localOrAdvice(ctx context.Context, client *containerd.Client, raw string) (images.Image, error) {
	image, err := findLocal(ctx, client, raw)
	if errors.Is(err, errdefs.ErrNotFound) {
		return image, advise(err, "pull it with `nerdctl wasm pull %s`, or list what there is with `nerdctl images`", raw)
	}
	return image, err
}

// ImageNames are the names of the artifacts in containerd, for completion.
func ImageNames(ctx context.Context, global types.GlobalCommandOptions) ([]string, error) {
	client, ctx, done, err := connect(ctx, global)
	if err != nil {
		return nil, err
	}
	defer done()
	list, err := client.ImageService().List(ctx)
	if err != nil {
		return nil, fmt.Errorf("list images: %w", err)
	}
	var names []string
	for _, image := range wasmImages(ctx, client.ContentStore(), list) {
		names = append(names, image.record.Name)
	}
	return names, nil
}

// ComponentNames are the names of an artifact's components, for completion.
func ComponentNames(ctx context.Context, reference string, global types.GlobalCommandOptions) ([]string, error) {
	_, src, err := openSource(ctx, reference, "", global)
	if err != nil {
		return nil, err
	}
	defer src.done()
	return componentNames(src.artifact), nil
}
