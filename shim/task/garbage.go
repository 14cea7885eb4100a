package task

import (
	"runtime/debug"
	"sync"
	"time"
)

const (
	// busyFor is how long a shim that was asked for a container collects
	// garbage rarely: collecting it is a good part of what a container costs
	// that has ended by then.
	busyFor = 2 * time.Second

	// busyGC is how much garbage there may be then for 100 bytes that are in
	// use.
	busyGC = 400

	// idleGC is the same otherwise, as containerd's library sets it for shims.
	idleGC = 40
)

// garbage is how often a shim collects its garbage.
type garbage struct {
	mu sync.Mutex
	// idle makes an end of being busy; nil for a shim that is not.
	idle *time.Timer
}

// busy says that the shim has a container to create.
func (g *garbage) busy() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.idle != nil && g.idle.Reset(busyFor) {
		return
	}
	debug.SetGCPercent(busyGC)
	g.idle = time.AfterFunc(busyFor, g.clear)
}

// clear gives back the memory of what has become garbage.
func (g *garbage) clear() {
	g.mu.Lock()
	g.idle = nil
	debug.SetGCPercent(idleGC)
	g.mu.Unlock()
	debug.FreeOSMemory() // It takes a while, for which nobody who creates a container is to wait.
}
