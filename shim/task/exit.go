package task

import (
	"github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2/runc"
	"golang.org/x/sys/unix"
)

// killedStatus is the exit status of a process that SIGKILL ended.
const killedStatus = 128 + uint32(unix.SIGKILL)

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
// signal(7), SIGKILL excepted.
func terminates(s unix.Signal) bool {
	switch s {
	case unix.SIGKILL, unix.SIGSTOP, unix.SIGTSTP, unix.SIGTTIN, unix.SIGTTOU,
		unix.SIGCONT, unix.SIGCHLD, unix.SIGURG, unix.SIGWINCH:
		return false
	}
	return s > 0 && s <= 64
}
