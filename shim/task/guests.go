package task

import (
	"net/netip"
	"sync"
	"time"

	"github.com/opencontainers/go-digest"
	"golang.org/x/sys/unix"

	"github.com/wasmfile/wasmfile/shim/bundle"
	"github.com/wasmfile/wasmfile/shim/engine"
	"github.com/wasmfile/wasmfile/shim/image"
	"github.com/wasmfile/wasmfile/shim/policy"
	"github.com/wasmfile/wasmfile/shim/tracing"
)

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
	// engine is mounted in the container.
	engine *engine.Engine
	serves bool
	// addr is where a server listens.
	addr netip.AddrPort
	// drain is how long a server may finish what it serves.
	drain time.Duration
	// component is what the guest is called.
	component string
	// network is what it may have of it.
	network policy.Network
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
	dirs    []bundle.Directory
	workdir workdir

	// asking is held while a signal is sent.
	asking sync.Mutex
	// asked is the signal that ends the guest, 0 before one was sent.
	asked unix.Signal

	mu sync.Mutex
	// outputs are its own, by "", and those of what exec added, by its ID.
	outputs map[string]*output
	// waiting is that of a server that drains, nil before it does.
	waiting *wait
	// run is the span of its life, nil when none is recorded.
	run *tracing.Span

	recording sync.Mutex
	// left says that the bundle is containerd's to remove.
	left bool

	mounting sync.Mutex
	// code is the machine code that is mounted in the container: from its
	// file on the host to its file there.
	code map[string]string
}

// guests are the WebAssembly containers of this shim, by container ID; a
// Kubernetes pod's share one shim with its native ones.
type guests struct {
	mu sync.Mutex
	m  map[string]*guest
}

// get returns nil for a container that is not WebAssembly.
func (g *guests) get(id string) *guest {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.m[id]
}

func (g *guests) add(id string, added *guest) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.m == nil {
		g.m = make(map[string]*guest)
	}
	g.m[id] = added
}

func (g *guests) remove(id string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.m, id)
}
