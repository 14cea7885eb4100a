package task

import (
	"context"
	"sync"

	eventsapi "github.com/containerd/containerd/api/events"
	"github.com/containerd/containerd/v2/core/events"
	"github.com/containerd/containerd/v2/pkg/shim"
	"github.com/containerd/log"
)

// publisher publishes the events of guests: their exit statuses as theirs, not as
// those of the engine's process, and each guest's events in their order, without
// those of others waiting for what a guest's end waits for.
type publisher struct {
	shim.Publisher
	guests *guests
	// publishing counts the events that Close waits for.
	publishing sync.WaitGroup
}

// Publish implements events.Publisher.
func (p *publisher) Publish(ctx context.Context, topic string, event events.Event) error {
	of, ok := event.(interface{ GetContainerID() string })
	if !ok {
		return p.Publisher.Publish(ctx, topic, event)
	}
	id := of.GetContainerID()
	g := p.guests.get(id)
	if g == nil {
		return p.Publisher.Publish(ctx, topic, event)
	}
	publish := func() {
		defer p.publishing.Done()
		switch e := event.(type) {
		case *eventsapi.TaskExit:
			if e.ID == id {
				p.record(ctx, g, e)
			}
		case *eventsapi.TaskDelete:
			e.ExitStatus = g.status(e.ExitStatus)
		}
		if err := p.Publisher.Publish(ctx, topic, event); err != nil {
			log.G(ctx).WithError(err).WithField("container", id).Error("cannot publish an event")
		}
	}
	p.publishing.Add(1)
	switch e := event.(type) {
	case *eventsapi.TaskCreate:
		if e.IO != nil {
			e.IO.Stdout, e.IO.Stderr = g.traps.stream(e.IO.Stdout), g.traps.stream(e.IO.Stderr)
		}
		g.told.next(publish)
	case *eventsapi.TaskExit:
		if e.ID != id {
			g.told.next(publish)
		} else if !g.told.end(publish) {
			p.publishing.Done()
		}
	case *eventsapi.TaskDelete:
		g.told.deletion(publish)
	default:
		g.told.next(publish)
	}
	return nil
}

// Close implements shim.Publisher.
func (p *publisher) Close() error {
	p.publishing.Wait()
	return p.Publisher.Close()
}

// record changes an exit event, and the record of it that the shim's delete
// command reads when the shim itself is gone.
func (p *publisher) record(ctx context.Context, g *guest, e *eventsapi.TaskExit) {
	actual := e.ExitStatus
	g.traps.finish(actual)
	e.ExitStatus = g.status(actual)
	g.endRun(e.ExitStatus, e.ExitedAt)
	if e.ExitStatus == actual {
		return
	}
	if err := g.recordExit(e.ExitStatus); err != nil {
		log.G(ctx).WithError(err).WithField("container", e.ContainerID).Warn("cannot record the exit status")
	}
}
