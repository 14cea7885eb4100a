package images

import (
	"context"
	"errors"
	"fmt"
	"io"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/errdefs"
	"github.com/containerd/nerdctl/v2/pkg/api/types"
	"github.com/containerd/nerdctl/v2/pkg/cmd/image"
	"github.com/docker/go-units"

	"github.com/wasmfile/wasmfile/nerdctlplugin/daemon"
)

// PruneOptions are those of Prune.
type PruneOptions struct {
	// Global are nerdctl's global options.
	Global types.GlobalCommandOptions
	// All removes artifacts with a tag, too.
	All bool
	// Filters are nerdctl's, of images.
	Filters []string
	// Confirm asks whether to go on; nil for yes.
	Confirm func(question string) (bool, error)
	// Stdout gets the names of what is removed.
	Stdout io.Writer
}

// Prune removes artifacts that no container was made of, and no other images.
// Content that they share with what is left stays.
func Prune(ctx context.Context, o PruneOptions) error {
	client, ctx, done, err := daemon.Connect(ctx, o.Global)
	if err != nil {
		return err
	}
	defer done()
	unused, err := unusedImages(ctx, client, o)
	if err != nil || len(unused) == 0 {
		return err
	}
	if o.Confirm != nil {
		if yes, err := o.Confirm(fmt.Sprintf("Remove %d artifacts that no container was made of?", len(unused))); err != nil || !yes {
			return err
		}
	}
	records, err := client.ImageService().List(ctx)
	if err != nil {
		return fmt.Errorf("list images: %w", err)
	}
	needed, err := users(ctx, client.ContentStore(), records)
	if err != nil {
		return err
	}
	var freed int64
	var errs []error
	for i, found := range unused {
		var opts []images.DeleteOpt
		if i == len(unused)-1 {
			opts = append(opts, images.SynchronousDelete()) // collects the garbage of all
		}
		if err := client.ImageService().Delete(ctx, found.record.Name, opts...); err != nil {
			if !errdefs.IsNotFound(err) {
				errs = append(errs, fmt.Errorf("remove %s: %w", found.record.Name, err))
			}
			continue
		}
		if _, err := fmt.Fprintln(o.Stdout, "Removed:", found.record.Name); err != nil {
			errs = append(errs, err)
		}
		for blob, size := range blobs(found.record.Target, found.artifact) {
			if needed[blob]--; needed[blob] == 0 {
				freed += size
			}
		}
	}
	_, err = fmt.Fprintln(o.Stdout, "Total reclaimed space:", units.HumanSize(float64(freed)))
	return errors.Join(append(errs, err)...)
}

// unusedImages are the artifacts that Prune would remove.
func unusedImages(ctx context.Context, client *containerd.Client, o PruneOptions) ([]wasmImage, error) {
	filters := o.Filters
	if !o.All {
		filters = append(filters, "dangling=true")
	}
	records, err := image.List(ctx, client, filters, nil)
	if err != nil {
		return nil, fmt.Errorf("list images: %w", err)
	}
	containers, err := client.ContainerService().List(ctx)
	if err != nil {
		return nil, fmt.Errorf("list containers: %w", err)
	}
	used := make(map[string]bool)
	for _, c := range containers {
		used[c.Image] = true
	}
	var unused []wasmImage
	for _, found := range wasmImages(ctx, client.ContentStore(), records) {
		if !used[found.record.Name] {
			unused = append(unused, found)
		}
	}
	return unused, nil
}
