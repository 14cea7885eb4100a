package task

import (
	"context"
	"testing"

	taskapi "github.com/containerd/containerd/api/runtime/task/v3"
	"github.com/containerd/errdefs"
	"github.com/containerd/log"

	"github.com/wasmfile/wasmfile/shim/image"
	"github.com/wasmfile/wasmfile/shim/tracing"
)

// startsOnce is runc's service as far as a start, which works once.
type startsOnce struct {
	recorder
	started *bool
}

func (s startsOnce) Start(context.Context, *taskapi.StartRequest) (*taskapi.StartResponse, error) {
	if *s.started {
		return nil, errdefs.ErrFailedPrecondition
	}
	*s.started = true
	return &taskapi.StartResponse{}, nil
}

// TestRunIsTracedOnce: given a guest that runs, starting it again changes nothing of
// the span of its life; one that could not be started has none.
func TestRunIsTracedOnce(t *testing.T) {
	for name, started := range map[string]bool{"starts": false, "cannot be started": true} {
		g, living := &guest{wasm: &image.Wasm{}}, &guests{}
		living.add("c", g)
		s := newService(startsOnce{started: &started}, living, nil)
		s.traces = tracing.New("/nowhere", t.TempDir(), startReaped, log.L)
		runs := !started
		_, first := s.Start(t.Context(), &taskapi.StartRequest{ID: "c"})
		span := g.run
		_, second := s.Start(t.Context(), &taskapi.StartRequest{ID: "c"})
		if (first == nil) != runs || second == nil || (span != nil) != runs || g.run != span {
			t.Errorf("a guest that %s: %v, %v, its span is %v and then %v", name, first, second, span, g.run)
		}
	}
}
