package lifecycle

import (
	"errors"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/containerd/go-runc"
	"golang.org/x/sys/unix"
)

// Monitor is the process monitor that go-runc runs its commands by. It does
// the commands that it can do itself, and has the embedded one run the others.
type Monitor struct {
	runc.ProcessMonitor
	// Ours tells the containers that it is for, by ID.
	Ours func(id string) bool
}

// Start implements runc.ProcessMonitor.
func (m Monitor) Start(cmd *exec.Cmd) (chan runc.Exit, error) {
	if m.do(cmd) {
		return done(), nil
	}
	return m.ProcessMonitor.Start(cmd)
}

// StartLocked implements runc.ProcessMonitor.
func (m Monitor) StartLocked(cmd *exec.Cmd) (chan runc.Exit, error) {
	if m.do(cmd) {
		return done(), nil
	}
	return m.ProcessMonitor.StartLocked(cmd)
}

// Wait implements runc.ProcessMonitor.
func (m Monitor) Wait(cmd *exec.Cmd, exits chan runc.Exit) (int, error) {
	if cmd.Process == nil { // It was not needed.
		exit := <-exits
		return exit.Status, nil
	}
	return m.ProcessMonitor.Wait(cmd, exits)
}

func done() chan runc.Exit {
	exits := make(chan runc.Exit, 1)
	exits <- runc.Exit{Timestamp: time.Now()}
	return exits
}

// container is one that a runtime has created. Both methods report whether they
// did what the runtime's command of the name does; when they did not, the command
// can be run as if nothing had happened, and says what is wrong.
type container interface {
	// start has the container's first process, which waits for somebody to
	// start it, go on. It reports false when that is not there any more.
	start() bool
	// delete removes what the runtime made for a container that has ended: its
	// cgroups and its record. It reports false for one that is not gone, or of
	// which more is to be cleaned up than that; what it may have removed then,
	// the runtime does not miss.
	delete() bool
}

// fifoName is the file in the directories of both runtimes on which a
// container's first process waits.
const fifoName = "exec.fifo"

// readers read what a runtime keeps in its directory of a container, by the name
// of its executable.
var readers = map[string]func(dir, id string) (container, error){"runc": readRunc, "crun": readCrun}

// alive reports whether there is a process of a number, which may be another's
// that was given the same.
func alive(pid int) bool { return !errors.Is(unix.Kill(pid, 0), unix.ESRCH) }

// do reports whether it has done a command. When it has not, the command can
// be run as if nothing had happened.
func (m Monitor) do(cmd *exec.Cmd) bool {
	call, ok := parse(cmd.Args)
	if !ok || !m.Ours(call.id) {
		return false
	}
	c, err := call.read(filepath.Join(call.root, call.id), call.id)
	if err != nil {
		return false
	}
	if call.verb == "start" {
		return c.start()
	}
	return c.delete()
}

// call is a command line of go-runc's.
type call struct {
	// read is the runtime's.
	read func(dir, id string) (container, error)
	// root is the runtime's directory of containers.
	root     string
	verb, id string
}

// parse reads a command line: a runtime, global flags, and a verb with a
// container's ID. It reports false for one that is not known here.
func parse(args []string) (c call, ok bool) {
	if len(args) < 3 {
		return c, false
	}
	if c.read, ok = readers[filepath.Base(args[0])]; !ok {
		return c, false
	}
	c.verb, c.id = args[len(args)-2], args[len(args)-1]
	if c.verb != "start" && c.verb != "delete" {
		return c, false
	}
	for flags := args[1 : len(args)-2]; len(flags) > 0; {
		switch {
		case flags[0] == "--debug":
			flags = flags[1:]
		case len(flags) > 1 && (flags[0] == "--log" || flags[0] == "--log-format"):
			flags = flags[2:]
		case len(flags) > 1 && flags[0] == "--root":
			c.root, flags = flags[1], flags[2:]
		default: // such as --systemd-cgroup
			return c, false
		}
	}
	return c, filepath.IsAbs(c.root) && c.id == filepath.Base(c.id) && c.id != ".."
}
