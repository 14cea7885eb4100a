package lifecycle

import (
	"os/exec"
	"path/filepath"
	"time"

	"github.com/containerd/go-runc"
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

// do reports whether it has done a command. When it has not, the command can
// be run as if nothing had happened.
func (m Monitor) do(cmd *exec.Cmd) bool {
	verb, dir, id := parse(cmd.Args)
	if verb == "" || !m.Ours(id) {
		return false
	}
	s, err := readState(dir, id)
	if err != nil {
		return false
	}
	if verb == "start" {
		return s.start()
	}
	return s.delete()
}

// parse reads a command line of go-runc's: "runc", global flags, and a verb
// with a container's ID. The verb is empty when it is not one that is known
// here; dir is runc's directory of the container.
func parse(args []string) (verb, dir, id string) {
	if len(args) < 3 || filepath.Base(args[0]) != runc.DefaultCommand {
		return "", "", ""
	}
	verb, id = args[len(args)-2], args[len(args)-1]
	if verb != "start" && verb != "delete" {
		return "", "", ""
	}
	var root string
	for flags := args[1 : len(args)-2]; len(flags) > 0; {
		switch {
		case flags[0] == "--debug":
			flags = flags[1:]
		case len(flags) > 1 && (flags[0] == "--log" || flags[0] == "--log-format"):
			flags = flags[2:]
		case len(flags) > 1 && flags[0] == "--root":
			root, flags = flags[1], flags[2:]
		default: // such as --systemd-cgroup
			return "", "", ""
		}
	}
	if !filepath.IsAbs(root) || id != filepath.Base(id) || id == ".." {
		return "", "", ""
	}
	return verb, filepath.Join(root, id), id
}
