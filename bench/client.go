package main

import (
	"context"
	"fmt"

	"github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/pkg/cio"
	"github.com/containerd/containerd/v2/pkg/oci"
	"github.com/containerd/platforms"
)

// connected is a client that stays connected to containerd, as dockerd and
// kubelet do, where ctr is a process for each container.
type connected struct{ *client.Client }

// connect returns a client whose calls are in the sandbox's namespace.
func connect(address, namespace string) (connected, error) {
	c, err := client.New(address, client.WithDefaultNamespace(namespace))
	return connected{c}, err
}

// starter runs containers of an image that was pulled, by a runtime and with
// arguments, or the image's own when there are none.
func (c connected) starter(ctx context.Context, what, ref, runtime string, args ...string) (starter, error) {
	record, err := c.ImageService().Get(ctx, ref)
	if err != nil {
		return starter{}, err
	}
	image := client.NewImageWithPlatform(c.Client, record, platforms.All)
	spec := []oci.SpecOpts{oci.WithImageConfig(image)}
	if len(args) > 0 {
		spec = append(spec, oci.WithProcessArgs(args...))
	}
	return starter{what + " through one client", func(id string) error {
		return c.runToEnd(ctx, id, image, runtime, spec)
	}}, nil
}

// runToEnd creates and starts a container, waits for it and removes it.
func (c connected) runToEnd(ctx context.Context, id string, image client.Image, runtime string, spec []oci.SpecOpts) (err error) {
	container, err := c.NewContainer(ctx, id, client.WithImage(image), client.WithNewSnapshot(id, image),
		client.WithNewSpec(spec...), client.WithRuntime(runtime, nil))
	if err != nil {
		return err
	}
	defer func() {
		if e := container.Delete(ctx, client.WithSnapshotCleanup); err == nil {
			err = e
		}
	}()
	task, err := container.NewTask(ctx, cio.NullIO)
	if err != nil {
		return err
	}
	defer func() {
		if _, e := task.Delete(ctx); err == nil {
			err = e
		}
	}()
	ended, err := task.Wait(ctx)
	if err != nil {
		return err
	}
	if err := task.Start(ctx); err != nil {
		return err
	}
	if code, _, err := (<-ended).Result(); err != nil || code != 0 {
		return fmt.Errorf("container %s ends with %d: %w", id, code, err)
	}
	return nil
}
