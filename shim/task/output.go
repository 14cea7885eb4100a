package task

import (
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// output is the named pipes from which a client reads what a process prints.
//
// ctr and nerdctl close their ends when they hear that the process has ended,
// and lose what they have not read by then. So they hear of it when they have.
type output struct {
	pipes []pipe
	once  sync.Once
	// unwanted says that nobody is to wait any more.
	unwanted atomic.Bool
}

// pipe is a client's named pipe, and a reader of it that takes nothing: only a
// reader that was there before the writers learns that all of them are gone.
type pipe struct {
	path   string
	reader int
}

// openOutput is to be called before anything writes to the pipes. Paths that
// are none, such as those of a logging program, are left out. Each output
// needs one call of delivered or close.
func openOutput(paths ...string) *output {
	o := &output{}
	for _, path := range paths {
		reader, err := unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
		if err != nil {
			continue
		}
		var stat unix.Stat_t
		if err := unix.Fstat(reader, &stat); err != nil || stat.Mode&unix.S_IFMT != unix.S_IFIFO {
			_ = unix.Close(reader)
			continue
		}
		o.pipes = append(o.pipes, pipe{path, reader})
	}
	return o
}

// delivered waits, after the process has ended, until the client has read all
// that it printed, reads no more, has not read anything for endWait, or close is
// called. It may be called often, and for nil.
func (o *output) delivered() {
	if o == nil {
		return
	}
	o.once.Do(func() {
		for _, p := range o.pipes {
			p.delivered(&o.unwanted)
		}
	})
}

// close gives up what was not delivered: the client may read as slowly as it likes,
// and who deletes the process is not to wait for it. It may be called for nil.
func (o *output) close() {
	if o == nil {
		return
	}
	o.unwanted.Store(true)
	o.once.Do(func() {
		for _, p := range o.pipes {
			_ = unix.Close(p.reader)
		}
	})
}

func (p pipe) delivered(unwanted *atomic.Bool) {
	patience := patience{last: -1}
	for !unwanted.Load() && !hungUp(p.reader) && patience.has(p.reader) {
		time.Sleep(time.Millisecond)
	}
	// From here on, there is no reader but the client.
	_ = unix.Close(p.reader)
	for {
		writer, err := unix.Open(p.path, unix.O_WRONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
		if err != nil { // Nobody reads.
			return
		}
		waiting, _ := unix.IoctlGetInt(writer, unix.TIOCINQ)
		more := waiting > 0 && !unwanted.Load() && patience.has(writer)
		_ = unix.Close(writer)
		if !more {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

// hungUp tells whether all writers of a pipe have closed it.
func hungUp(reader int) bool {
	fds := []unix.PollFd{{Fd: int32(reader)}}
	n, err := unix.Poll(fds, 0)
	return n > 0 || err != nil && err != unix.EINTR
}

// patience is what is left of endWait since the content of a pipe was last
// seen to change.
type patience struct {
	last  int
	since time.Time
}

func (p *patience) has(end int) bool {
	waiting, err := unix.IoctlGetInt(end, unix.TIOCINQ)
	if err != nil {
		return false
	}
	if waiting != p.last {
		p.last, p.since = waiting, time.Now()
	}
	return time.Since(p.since) < endWait
}

// watchOutput opens the output of a process, at these paths: the guest's own for
// an empty exec ID.
func (g *guest) watchOutput(exec string, paths ...string) {
	o := openOutput(paths...)
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.outputs == nil {
		g.outputs = make(map[string]*output)
	}
	g.outputs[exec] = o
}

// output is that of a process, nil for one that is not watched.
func (g *guest) output(exec string) *output {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.outputs[exec]
}

// execs are the IDs of what exec added and nobody has deleted.
func (g *guest) execs() (ids []string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for exec := range g.outputs {
		if exec != "" {
			ids = append(ids, exec)
		}
	}
	return ids
}

// forgetOutput closes the output of a process that is not watched any more.
func (g *guest) forgetOutput(exec string) {
	g.output(exec).close()
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.outputs, exec)
}

// forgetOutputs does so with those of all of a guest's processes: a client need
// not delete what it has added before it deletes the container.
func (g *guest) forgetOutputs() {
	g.mu.Lock()
	outputs := g.outputs
	g.outputs = nil
	g.mu.Unlock()
	for _, o := range outputs {
		o.close()
	}
}
