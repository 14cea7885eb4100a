package sandbox

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// runtimeDir is where containerd and its shims keep sockets, runc's state and
// fifos of every containerd of the machine, whatever its own state directory.
const runtimeDir = "/run/containerd"

// endShims ends the shims that name this sandbox's containerd in their
// arguments, and with them their containers' processes.
func (s *Sandbox) endShims() error {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return err
	}
	var failed error
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		start := startTime(pid)
		cmdline, err := os.ReadFile(filepath.Join("/proc", e.Name(), "cmdline"))
		if err != nil || start == "" || !s.isShim(cmdline) {
			continue
		}
		s.say("end shim %d", pid)
		// A shim ends on SIGTERM only when it has no container any more.
		children := childrenOf(pid)
		failed = errors.Join(failed, signalAndWait(process{pid: pid, start: start}, syscall.SIGKILL))
		for _, child := range children {
			failed = errors.Join(failed, signalAndWait(child, syscall.SIGKILL))
		}
	}
	return failed
}

// isShim is whether a command line is that of a shim of this sandbox.
func (s *Sandbox) isShim(cmdline []byte) bool {
	args := bytes.Split(cmdline, []byte{0})
	return strings.HasPrefix(filepath.Base(string(args[0])), "containerd-shim-") &&
		slices.ContainsFunc(args, func(a []byte) bool {
			return string(a) == s.containerdSocket() || string(a) == s.path("run", "containerd.sock")
		})
}

// childrenOf are the processes that a process started and that still live.
func childrenOf(pid int) []process {
	tasks, err := filepath.Glob(filepath.Join("/proc", strconv.Itoa(pid), "task", "*", "children"))
	if err != nil {
		return nil
	}
	var children []process
	for _, path := range tasks {
		content, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		for _, field := range strings.Fields(string(content)) {
			if child, err := strconv.Atoi(field); err == nil && startTime(child) != "" {
				children = append(children, process{pid: child, start: startTime(child)})
			}
		}
	}
	return children
}

// unmountAll unmounts what is mounted below the sandbox, the innermost first.
func (s *Sandbox) unmountAll() error {
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return err
	}
	var failed error
	for _, target := range slices.Backward(mountsBelow(string(mounts), s.root, s.run)) {
		if err := syscall.Unmount(target, syscall.MNT_DETACH); err != nil {
			failed = errors.Join(failed, &os.PathError{Op: "unmount", Path: target, Err: err})
		}
	}
	return failed
}

// mountsBelow are the mount points of a mountinfo file below any of the
// directories, in the order of mounting.
func mountsBelow(mountinfo string, dirs ...string) []string {
	unescape := strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)
	var targets []string
	for _, line := range strings.Split(mountinfo, "\n") {
		fields := strings.Fields(line)
		if len(fields) < 5 {
			continue
		}
		target := unescape.Replace(fields[4])
		if slices.ContainsFunc(dirs, func(dir string) bool { return strings.HasPrefix(target, dir+"/") }) {
			targets = append(targets, target)
		}
	}
	return targets
}

// removeShimFiles removes what killed shims left outside the sandbox: their
// sockets, and runc's state of their containers.
func (s *Sandbox) removeShimFiles() error {
	bundles, err := filepath.Glob(filepath.Join(s.path("run"), "containerd", "io.containerd.runtime.v2.task", "*", "*"))
	if err != nil {
		return err
	}
	var failed error
	for _, bundle := range bundles {
		id, namespace := filepath.Base(bundle), filepath.Base(filepath.Dir(bundle))
		failed = errors.Join(failed, os.RemoveAll(filepath.Join(runtimeDir, "runc", namespace, id)))
		if socket := shimSocket(bundle); socket != "" {
			failed = errors.Join(failed, remove(socket))
		}
	}
	return failed
}

// shimSocket is the socket of a bundle's shim, empty when it has none in
// runtimeDir.
func shimSocket(bundle string) string {
	content, err := os.ReadFile(filepath.Join(bundle, "bootstrap.json"))
	if err != nil {
		return ""
	}
	var bootstrap struct{ Address string }
	if json.Unmarshal(content, &bootstrap) != nil {
		return ""
	}
	socket := filepath.Clean(strings.TrimPrefix(bootstrap.Address, "unix://"))
	if !strings.HasPrefix(socket, runtimeDir+"/s/") {
		return ""
	}
	return socket
}
