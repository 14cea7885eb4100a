package containers

import (
	"context"
	"fmt"
	"os"
	"sync/atomic"
	"syscall"

	"github.com/containerd/console"
	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/errdefs"

	"github.com/wasmfile/wasmfile/nerdctlplugin/advice"
)

// signalKeys is a terminal whose keys for signals reach the guest. The kernel
// would send the signals from the container's terminal, but drops those for
// which the first process of a PID namespace has no handler, and WASI has
// none: the shim decides what becomes of a signal. WASI cannot switch the keys
// off either. Before there is a guest, Ctrl-C is for this process, which a terminal that
// is raw does not tell.
type signalKeys struct {
	console.Console
	ctx  context.Context // of the terminal's session, without its end
	left atomic.Bool     // to the kernel
	task atomic.Pointer[containerd.Task]
}

// Read reads what is typed.
func (k *signalKeys) Read(p []byte) (int, error) {
	n, err := k.Console.Read(p)
	for _, key := range p[:n] {
		switch key {
		case 0x03: // Ctrl-C
			go k.send(syscall.SIGINT)
		case 0x1c: // Ctrl-\
			go k.send(syscall.SIGQUIT)
		}
	}
	return n, err
}

// deliverTo says which task signals are for.
func (k *signalKeys) deliverTo(task containerd.Task) { k.task.Store(&task) }

// leave has the kernel send the signals from the container's terminal.
func (k *signalKeys) leave() { k.left.Store(true) }

func (k *signalKeys) send(signal syscall.Signal) {
	task := k.task.Load()
	if task == nil {
		if signal == syscall.SIGINT && !k.left.Load() {
			advice.Warn(k.ctx, syscall.Kill(os.Getpid(), signal))
		}
		return
	}
	if err := (*task).Kill(k.ctx, signal); err != nil && !errdefs.IsNotFound(err) {
		advice.Warn(k.ctx, fmt.Errorf("send %s to the container: %w", signal, err))
	}
}
