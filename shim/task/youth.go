package task

import (
	"runtime/debug"
	"time"
)

const (
	// youth is how long a shim collects no garbage: a good part of what a
	// container costs that has ended by then.
	youth = 2 * time.Second

	// youthMemory is the memory, in bytes, with which it does so all the same.
	youthMemory = 64 << 20

	// adultGC is how much garbage there may be for 100 bytes that are in use,
	// as containerd's library sets it for shims.
	adultGC = 40
)

// postponeGC has the shim collect garbage only when it has grown up. Then it
// also gives back the memory that it has collected.
func postponeGC() {
	limit := debug.SetMemoryLimit(youthMemory)
	debug.SetGCPercent(-1)
	time.AfterFunc(youth, func() {
		debug.SetMemoryLimit(limit)
		debug.SetGCPercent(adultGC)
		debug.FreeOSMemory()
	})
}
