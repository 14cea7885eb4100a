package images

import (
	"context"
	"fmt"

	"github.com/containerd/nerdctl/v2/pkg/api/types"

	"github.com/wasmfile/wasmfile/nerdctlplugin/daemon"
	"github.com/wasmfile/wasmfile/nerdctlplugin/source"
)

// Names are the names of the artifacts in containerd, for completion.
func Names(ctx context.Context, global types.GlobalCommandOptions) ([]string, error) {
	client, ctx, done, err := daemon.Connect(ctx, global)
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
	_, src, err := source.Open(ctx, reference, "", global)
	if err != nil {
		return nil, err
	}
	defer src.Close()
	return componentNames(src.Artifact), nil
}
