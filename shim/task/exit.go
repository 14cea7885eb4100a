package task

import (
	"github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2/runc"
	"golang.org/x/sys/unix"
)

// killedStatus is the exit status of a process that SIGKILL ended.
const killedStatus = 128 + uint32(unix.SIGKILL)

// translate returns the signal to send for one that was asked for.
func (g *guest) translate(asked unix.Signal) (send unix.Signal) {
	switch {
	case g.serves && drains(asked):
		return unix.SIGINT
	case terminates(asked):
		return unix.SIGKILL
	}
	return asked
}

// ask has a signal sent that was asked for, and notes the one that ends the guest:
// the first, but that a server which drains can be ended before it has. What could
// not be sent has not ended it.
func (g *guest) ask(asked unix.Signal, send func() error) error {
	g.asking.Lock()
	defer g.asking.Unlock()
	err := send()
	if err == nil && terminates(asked) && (g.asked == 0 || g.serves && drains(g.asked)) {
		g.asked = asked
	}
	return err
}

// status returns the exit status to report for one of the engine's process, when it is
// known which signals were sent.
func (g *guest) status(actual uint32) uint32 {
	if actual < 128 { // No signal ended it, or it runs.
		return actual
	}
	g.asking.Lock()
	defer g.asking.Unlock()
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

// recordExit writes an exit status over the one that was recorded, while the bundle
// is the shim's.
func (g *guest) recordExit(exited uint32) error {
	g.recording.Lock()
	defer g.recording.Unlock()
	if g.left {
		return nil
	}
	recorded, err := runc.ReadExitStatus(g.bundle)
	if err != nil {
		return err
	}
	recorded.Status = int(exited)
	return runc.WriteExitStatus(g.bundle, recorded)
}

// leave leaves the bundle to containerd, which removes it: a file that is written
// meanwhile would keep the directory.
func (g *guest) leave() {
	g.recording.Lock()
	defer g.recording.Unlock()
	g.left = true
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
// signal(7).
func terminates(s unix.Signal) bool {
	switch s {
	case unix.SIGSTOP, unix.SIGTSTP, unix.SIGTTIN, unix.SIGTTOU,
		unix.SIGCONT, unix.SIGCHLD, unix.SIGURG, unix.SIGWINCH:
		return false
	}
	return s > 0 && s <= 64
}
