package sandbox

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// Down stops everything that Up started: containers, daemons, shims, mounts
// and bridges. Built tools and the daemons' data stay.
func (s *Sandbox) Down(ctx context.Context) error {
	daemons := s.daemons()
	if err := s.removeContainers(ctx); err != nil {
		s.say("%v", err) // the shims are ended below all the same
	}
	for _, d := range slices.Backward(daemons) {
		if _, ok := s.running(d); ok {
			s.say("stop %s", d.name)
		}
		if err := s.stop(d); err != nil {
			return err
		}
	}
	if err := s.endShims(); err != nil {
		return err
	}
	if err := s.unmountAll(); err != nil {
		return err
	}
	for _, bridge := range []string{s.dockerBridge(), s.nerdctlBridge()} {
		if _, err := s.command(ctx, "ip", "link", "show", bridge); err == nil {
			if _, err := s.command(ctx, "ip", "link", "delete", bridge); err != nil {
				return err
			}
		}
	}
	if s.run != s.path("run") {
		if err := remove(s.run); err != nil {
			return err
		}
	}
	s.say("down; tools and data are kept in %s", s.root)
	return os.RemoveAll(s.path("run"))
}

// Purge is Down, and removes the daemons' data: images, containers, caches.
func (s *Sandbox) Purge(ctx context.Context) error {
	if err := s.Down(ctx); err != nil {
		return err
	}
	for _, dir := range []string{"data", "state", "log", "etc"} {
		if err := os.RemoveAll(s.path(dir)); err != nil {
			return err
		}
	}
	return nil
}

// removeContainers removes the containers of every namespace by the client
// that made them, so that their networks go too. dockerd does its own.
func (s *Sandbox) removeContainers(ctx context.Context) error {
	if _, ok := s.running(s.daemons()[1]); !ok {
		return nil
	}
	ids, err := s.command(ctx, "docker", "ps", "-aq")
	if err == nil && ids != "" {
		if _, err := s.command(ctx, "docker", append([]string{"rm", "-f"}, strings.Fields(ids)...)...); err != nil {
			return err
		}
	}
	namespaces, err := s.command(ctx, "ctr", "--connect-timeout", "5s", "namespaces", "ls", "-q")
	if err != nil {
		return err
	}
	for _, namespace := range strings.Fields(namespaces) {
		ids, err := s.command(ctx, "ctr", "-n", namespace, "containers", "ls", "-q")
		if err != nil {
			return err
		}
		for _, id := range strings.Fields(ids) {
			if _, err := s.command(ctx, s.tool("nerdctl"), "--namespace", namespace, "rm", "-f", id); err == nil {
				continue
			}
			for _, args := range [][]string{{"tasks", "rm", "-f", id}, {"containers", "rm", id}} {
				if _, err := s.command(ctx, "ctr", append([]string{"-n", namespace}, args...)...); err != nil {
					s.say("%v", err)
				}
			}
		}
	}
	return nil
}

// endShims ends the shims that name this sandbox's containerd in their
// arguments, and with them their containers' processes.
func (s *Sandbox) endShims() error {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return err
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		cmdline, err := os.ReadFile(filepath.Join("/proc", e.Name(), "cmdline"))
		if err != nil {
			continue
		}
		args := bytes.Split(cmdline, []byte{0})
		if !strings.Contains(string(args[0]), "containerd-shim-") || !slices.ContainsFunc(args, func(a []byte) bool { return string(a) == s.containerdSocket() }) {
			continue
		}
		s.say("end shim %d", pid)
		if err := end(process{pid, startTime(pid)}); err != nil {
			return err
		}
	}
	return nil
}

// unmountAll unmounts what is mounted below the sandbox, the innermost first.
func (s *Sandbox) unmountAll() error {
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return err
	}
	unescape := strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)
	for _, line := range slices.Backward(strings.Split(strings.TrimSpace(string(mounts)), "\n")) {
		fields := strings.Fields(line)
		if len(fields) < 5 {
			continue
		}
		target := unescape.Replace(fields[4])
		if !strings.HasPrefix(target, s.root+"/") && !strings.HasPrefix(target, s.run+"/") {
			continue
		}
		if err := syscall.Unmount(target, syscall.MNT_DETACH); err != nil {
			s.say("unmount %s: %v", target, err)
		}
	}
	return nil
}
