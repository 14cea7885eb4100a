package task

import (
	"context"

	eventsapi "github.com/containerd/containerd/api/events"
	"github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2/runc"
	"github.com/containerd/containerd/v2/core/events"
	"github.com/containerd/containerd/v2/pkg/shim"
	"github.com/containerd/log"
)

// publisher reports the exit statuses of guests as theirs, not as those of
// the engine's process.
type publisher struct {
	shim.Publisher
	guests *guests
}

// Publish implements events.Publisher.
func (p publisher) Publish(ctx context.Context, topic string, event events.Event) error {
	switch e := event.(type) {
	case *eventsapi.TaskCreate:
		if g := p.guests.get(e.ContainerID); g != nil && e.IO != nil {
			e.IO.Stdout, e.IO.Stderr = g.traps.stream(e.IO.Stdout), g.traps.stream(e.IO.Stderr)
		}
	case *eventsapi.TaskExit:
		if g := p.guests.get(e.ContainerID); g != nil && e.ID == e.ContainerID {
			p.record(ctx, g, e)
		}
	case *eventsapi.TaskDelete:
		if g := p.guests.get(e.ContainerID); g != nil {
			e.ExitStatus = g.status(e.ExitStatus)
			p.guests.remove(e.ContainerID)
		}
	}
	return p.Publisher.Publish(ctx, topic, event)
}

// record changes an exit event, and the record of it that the shim's delete
// command reads when the shim itself is gone.
func (p publisher) record(ctx context.Context, g *guest, e *eventsapi.TaskExit) {
	actual := e.ExitStatus
	g.traps.finish(actual)
	e.ExitStatus = g.status(actual)
	g.endRun(e.ExitStatus, e.ExitedAt)
	if e.ExitStatus == actual {
		return
	}
	recorded, err := runc.ReadExitStatus(g.bundle)
	if err == nil {
		recorded.Status = int(e.ExitStatus)
		err = runc.WriteExitStatus(g.bundle, recorded)
	}
	if err != nil {
		log.G(ctx).WithError(err).WithField("container", e.ContainerID).Warn("cannot record the exit status")
	}
}
