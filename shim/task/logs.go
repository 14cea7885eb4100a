package task

import (
	"os"
	"slices"
	"sync"

	"golang.org/x/sys/unix"
)

// logs is where a shim that containers share writes its log. containerd reads
// a fifo for each container, as long as that is there; a shim of one pod, or of
// one container, just writes to that of its first.
type logs struct {
	mu   sync.Mutex
	open []containerLog
}

type containerLog struct {
	id   string
	fifo *os.File
}

// follow makes a container's fifo the log.
func (l *logs) follow(id, path string) error {
	// It waits for nobody: containerd reads before it asks for a container.
	fifo, err := os.OpenFile(path, os.O_WRONLY|unix.O_NONBLOCK|unix.O_NOFOLLOW, 0)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open = append(l.open, containerLog{id, fifo})
	return l.use()
}

// leave makes another container's fifo the log, if there is one, when
// containerd does not read this one any more.
func (l *logs) leave(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	i := slices.IndexFunc(l.open, func(c containerLog) bool { return c.id == id })
	if i < 0 {
		return
	}
	_ = l.open[i].fifo.Close() // Nothing that was written is kept back.
	l.open = slices.Delete(l.open, i, i+1)
	_ = l.use() // There is nowhere to tell.
}

// use makes the last fifo standard error, to which the log goes.
func (l *logs) use() error {
	if len(l.open) == 0 {
		null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		defer null.Close()
		return unix.Dup3(int(null.Fd()), int(os.Stderr.Fd()), 0)
	}
	return unix.Dup3(int(l.open[len(l.open)-1].fifo.Fd()), int(os.Stderr.Fd()), 0)
}
