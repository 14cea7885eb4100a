package task

import (
	"net/netip"
	"sync"
	"time"

	"github.com/opencontainers/go-digest"
	"golang.org/x/sys/unix"

	"github.com/wasmfile/wasmfile/shim/bundle"
	"github.com/wasmfile/wasmfile/shim/image"
	"github.com/wasmfile/wasmfile/shim/tracing"
)

// killedStatus is the exit status of a process that SIGKILL ended.
const killedStatus = 128 + uint32(unix.SIGKILL)

// guest is a WebAssembly container that lives: what a signal does to it, and
// what its exit status means then.
//
// The kernel drops a signal without a handler for the first process of a pid
// namespace, and a WASI guest cannot have one: for a command, a signal that
// ends a program by default becomes SIGKILL, and the exit status is the one
// of the signal that was asked for. A component that serves HTTP is asked to
// drain with SIGINT, which the engine handles, and has then ended well; one that
// has not ended when its time is over is killed, and its exit status says so.
type guest struct {
	bundle string
	serves bool
	// addr is where a server listens.
	addr netip.AddrPort
	// drain is how long a server may finish what it serves.
	drain time.Duration
	// component is what the guest is called.
	component string
	// digest is the component's.
	digest digest.Digest
	traps  *trapReport
	told   told
	// wasm is what may be run in it.
	wasm *image.Wasm
	// files is where the container's files are on the host, when wasm is one
	// of them; empty when it is layers.
	files string
	// dirs are the directories that are mounted in it.
	dirs []bundle.Directory

	mu    sync.Mutex
	asked unix.Signal
	// outputs are its own, by "", and those of what exec added, by its ID.
	outputs map[string]*output
	// waiting is that of a server that drains, nil before it does.
	waiting *wait
	// run is the span of its life, nil when none is recorded.
	run *tracing.Span

	mounting sync.Mutex
	// code is the machine code that is mounted in the container: from its
	// file on the host to its file there.
	code map[string]string
}

// translate returns the signal to send for one that was asked for, and what takes
// back that it was, when it could not be sent.
func (g *guest) translate(asked unix.Signal) (send unix.Signal, takeBack func()) {
	switch {
	case g.serves && drains(asked):
		send = unix.SIGINT
	case terminates(asked):
		send = unix.SIGKILL
	default:
		return asked, func() {}
	}
	before := g.ask(asked)
	return send, func() { g.ask(before) }
}

// ask notes a signal that was asked for, and returns the one before.
func (g *guest) ask(signal unix.Signal) (before unix.Signal) {
	g.mu.Lock()
	defer g.mu.Unlock()
	before, g.asked = g.asked, signal
	return before
}

// status returns the exit status to report for one of the engine's process.
func (g *guest) status(actual uint32) uint32 {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case g.asked == 0 || g.asked == unix.SIGKILL:
		return actual
	case actual == killedStatus:
		return 128 + uint32(g.asked)
	case g.serves && drains(g.asked) && actual == 128+uint32(unix.SIGINT):
		// The signal came before the engine could handle it: nothing was
		// being served.
		return 0
	}
	return actual
}

// drains tells the signals with which people and container engines stop a
// server.
func drains(s unix.Signal) bool {
	switch s {
	case unix.SIGTERM, unix.SIGINT, unix.SIGQUIT, unix.SIGHUP:
		return true
	}
	return false
}

// terminates tells the signals that end a program without a handler, by
// signal(7), SIGKILL excepted.
func terminates(s unix.Signal) bool {
	switch s {
	case unix.SIGKILL, unix.SIGSTOP, unix.SIGTSTP, unix.SIGTTIN, unix.SIGTTOU,
		unix.SIGCONT, unix.SIGCHLD, unix.SIGURG, unix.SIGWINCH:
		return false
	}
	return s > 0 && s <= 64
}
