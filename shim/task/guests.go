package task

import "sync"

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
