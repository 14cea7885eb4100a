package task

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	eventsapi "github.com/containerd/containerd/api/events"
	taskapi "github.com/containerd/containerd/api/runtime/task/v3"
	"github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2/runc"
	"github.com/containerd/containerd/v2/core/events"
	gorunc "github.com/containerd/go-runc"
	"golang.org/x/sys/unix"

	"github.com/wasmfile/wasmfile/shim/engine"
)

// keeper is a publisher that keeps what is published: of which container, what, and
// with which status.
type keeper struct {
	mu        sync.Mutex
	published []string
}

func (k *keeper) Publish(_ context.Context, topic string, e events.Event) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	said := e.(interface{ GetContainerID() string }).GetContainerID() + " " + topic
	if exit, ok := e.(interface{ GetExitStatus() uint32 }); ok {
		said += fmt.Sprint(" ", exit.GetExitStatus())
	}
	k.published = append(k.published, said)
	return nil
}

func (k *keeper) Close() error { return nil }

func (k *keeper) kept() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.published)
}

// publish publishes an event of a container, or of a process that was added to it.
func publish(t *testing.T, p *publisher, topic, id, process string) {
	t.Helper()
	var e events.Event
	switch topic {
	case "start":
		e = &eventsapi.TaskStart{ContainerID: id}
	case "exit":
		e = &eventsapi.TaskExit{ContainerID: id, ID: process, ExitStatus: killedStatus}
	case "delete":
		e = &eventsapi.TaskDelete{ContainerID: id, ExitStatus: killedStatus}
	}
	if err := p.Publish(t.Context(), topic, e); err != nil {
		t.Fatal(err)
	}
}

// TestPublished: given a guest that was asked to end, the events of its end and of
// its deletion say so, once each and in this order, and the record does; those of other processes
// are as they were.
func TestPublished(t *testing.T) {
	for _, late := range []bool{false, true} {
		dir := t.TempDir()
		exit := gorunc.Exit{Timestamp: time.Now(), Pid: 42, Status: int(killedStatus)}
		if err := runc.WriteExitStatus(dir, exit); err != nil {
			t.Fatal(err)
		}
		g := &guest{bundle: dir, asked: unix.SIGTERM}
		living := &guests{}
		living.add("c", g)
		kept := &keeper{}
		p := &publisher{Publisher: kept, guests: living}
		publish(t, p, "start", "c", "")
		publish(t, p, "exit", "c", "added")
		publish(t, p, "exit", "native", "native")
		if late {
			publish(t, p, "delete", "c", "")
		}
		publish(t, p, "exit", "c", "c")
		publish(t, p, "exit", "c", "c")
		if !late {
			publish(t, p, "delete", "c", "")
		}
		if err := p.Close(); err != nil {
			t.Fatal(err)
		}
		got := kept.kept()
		native := slices.Index(got, "native exit 137")
		if native < 0 || !slices.Equal(slices.Delete(got, native, native+1), []string{"c start", "c exit 137", "c exit 143", "c delete 143"}) {
			t.Errorf("with an end that is told late %t: %q", late, kept.kept())
		}
		if recorded, err := runc.ReadExitStatus(dir); err != nil || recorded.Status != 143 || recorded.Pid != 42 {
			t.Errorf("recorded is %+v, %v", recorded, err)
		}
	}
}

// TestEventsOfOthers: given a guest whose last output nobody reads, the events of
// others are published meanwhile.
func TestEventsOfOthers(t *testing.T) { synctest.Test(t, testEventsOfOthers) }

func testEventsOfOthers(t *testing.T) {
	living := &guests{}
	living.add("unread", &guest{traps: &trapReport{status: make(chan uint32, 1), done: make(chan struct{})}})
	living.add("other", &guest{})
	kept := &keeper{}
	p := &publisher{Publisher: kept, guests: living}
	publish(t, p, "exit", "unread", "unread")
	publish(t, p, "delete", "unread", "")
	publish(t, p, "exit", "other", "other")
	publish(t, p, "delete", "other", "")
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	want := []string{"other exit 137", "other delete 137", "unread exit 137", "unread delete 137"}
	if got := kept.kept(); !slices.Equal(got, want) {
		t.Errorf("published are %q", got)
	}
}

// TestDeleted: given a guest that is deleted, it is known until its events are on
// their way, and at the latest after a while: the next one may have its ID. Then its
// bundle is left to containerd.
func TestDeleted(t *testing.T) {
	for name, ends := range map[string]bool{"its end is told": true, "its end is never told": false} {
		t.Run(name, func(t *testing.T) { synctest.Test(t, func(t *testing.T) { testDeleted(t, ends) }) })
	}
}

func testDeleted(t *testing.T, ends bool) {
	g := &guest{bundle: t.TempDir(), engine: &engine.Engine{}}
	living := &guests{}
	living.add("c", g)
	kept := &keeper{}
	p := &publisher{Publisher: kept, guests: living}
	publish(t, p, "delete", "c", "")
	deleted := make(chan error)
	go func() {
		_, err := newService(recorder{}, living, nil).Delete(t.Context(), &taskapi.DeleteRequest{ID: "c"})
		deleted <- err
	}()
	want := []string{"c delete 137"}
	if ends {
		select {
		case err := <-deleted:
			t.Errorf("it is deleted before its end, %v", err)
		case <-time.After(endWait / 10):
		}
		publish(t, p, "exit", "c", "c")
		want = []string{"c exit 137", "c delete 137"}
	}
	if err := <-deleted; err != nil {
		t.Error(err)
	}
	if living.get("c") != nil {
		t.Error("a deleted container is still known")
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	if got := kept.kept(); !slices.Equal(got, want) {
		t.Errorf("published are %q", got)
	}
	if err := errors.Join(runc.WriteExitStatus(g.bundle, gorunc.Exit{Timestamp: time.Now(), Pid: 42, Status: 137}), g.recordExit(143)); err != nil {
		t.Error(err)
	}
	if recorded, err := runc.ReadExitStatus(g.bundle); err != nil || recorded.Status != 137 {
		t.Errorf("the record of a deleted container becomes %+v, %v", recorded, err)
	}
}
