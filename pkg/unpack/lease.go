package unpack

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/leases"
	"github.com/containerd/errdefs"
	"github.com/opencontainers/go-digest"
)

const (
	// leaseDuration is how long content of an interrupted client is kept.
	leaseDuration = 24 * time.Hour

	// leftLabel is on a lease that says which lease an Import left for the
	// next one of the same name, whose digest is its value.
	leftLabel = "io.github.wasmfile.left"

	// ofLabel is on that lease too: the ID of the lease that was left.
	ofLabel = "io.github.wasmfile.left-of"
)

// hold is a lease that keeps what is stored until it is referenced.
type hold struct {
	service leases.Manager
	lease   leases.Lease
}

// newHold begins to keep what is stored with the context that it returns. It is not
// interrupted: containerd would make the lease, and nobody would know its ID.
func newHold(ctx context.Context, client *containerd.Client) (context.Context, *hold, error) {
	service := client.LeasesService()
	lease, err := service.Create(context.WithoutCancel(ctx), leases.WithRandomID(), leases.WithExpiration(leaseDuration))
	if err != nil {
		return ctx, nil, fmt.Errorf("create a lease: %w", err)
	}
	return leases.WithLease(ctx, lease.ID), &hold{service, lease}, nil
}

// add keeps content, and what its labels lead to.
func (h *hold) add(ctx context.Context, content digest.Digest) error {
	err := h.service.AddResource(ctx, h.lease, leases.Resource{Type: "content", ID: content.String()})
	if err != nil {
		return fmt.Errorf("lease %s: %w", content, err)
	}
	return nil
}

// release ends it. After a failure, it waits until garbage collection has
// removed what is not referenced. What was stored has to go even when the user
// interrupted.
func (h *hold) release(ctx context.Context, failed bool) error {
	var opts []leases.DeleteOpt
	if failed {
		opts = append(opts, leases.SynchronousDelete)
	}
	if err := h.service.Delete(context.WithoutCancel(ctx), h.lease, opts...); err != nil && !errdefs.IsNotFound(err) {
		return fmt.Errorf("delete the lease %s: %w", h.lease.ID, err)
	}
	return nil
}

// leave keeps what is stored, until it expires, for the next Import of the same
// name. A lease cannot be marked later, so that it was left is said by another.
func (h *hold) leave(ctx context.Context, name string) error {
	_, err := h.service.Create(context.WithoutCancel(ctx), leases.WithRandomID(), leases.WithExpiration(leaseDuration),
		leases.WithLabels(map[string]string{leftLabel: digest.FromString(name).Encoded(), ofLabel: h.lease.ID}))
	if err != nil {
		return fmt.Errorf("create a lease: %w", err)
	}
	return nil
}

// sweep removes what Imports of the same name left.
func sweep(ctx context.Context, service leases.Manager, name string) error {
	list, err := service.List(ctx, fmt.Sprintf("labels.%s==%s", strconv.Quote(leftLabel), digest.FromString(name).Encoded()))
	if err != nil {
		return fmt.Errorf("list leases: %w", err)
	}
	var errs []error
	for _, mark := range list {
		for _, lease := range []leases.Lease{{ID: mark.Labels[ofLabel]}, mark} {
			if err := service.Delete(ctx, lease); err != nil && !errdefs.IsNotFound(err) {
				errs = append(errs, fmt.Errorf("delete the lease %s: %w", lease.ID, err))
			}
		}
	}
	return errors.Join(errs...)
}
