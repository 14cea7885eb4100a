package task

import (
	"context"
	"time"

	"github.com/containerd/log"

	"github.com/wasmfile/wasmfile/shim/footprint"
)

const (
	// idleAfter is how long a shim that serves is asked for nothing until it
	// gives back memory that it hardly needs.
	idleAfter = 5 * time.Second

	// idleAgain is how long it takes until that is worth another time: as
	// often as containerd's library has Go look for garbage, for which it
	// reads parts of the executable.
	idleAgain = 30 * time.Second
)

// idle waits for times without requests. A nil *idle waits for nothing.
type idle struct{ timer *time.Timer }

func newIdle(ctx context.Context) *idle {
	i := &idle{}
	// Far off, so that the timer is set when it fires.
	i.timer = time.AfterFunc(time.Hour, func() {
		if err := footprint.Trim(); err != nil {
			log.G(ctx).WithError(err).Warn("cannot give back memory")
			return
		}
		i.timer.Reset(idleAgain)
	})
	i.asked()
	return i
}

// asked says that there is a request.
func (i *idle) asked() {
	if i != nil {
		i.timer.Reset(idleAfter)
	}
}
