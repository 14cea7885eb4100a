package sandbox

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"time"
)

// Down stops everything that Up started: containers, daemons, shims, mounts,
// bridges and their rules. Built tools and the daemons' data stay.
func (s *Sandbox) Down(ctx context.Context) error {
	return s.stages(ctx, s.down)
}

// Purge is Down, and removes the daemons' data: images, containers, caches.
func (s *Sandbox) Purge(ctx context.Context) error {
	return s.stages(ctx, s.down, func(context.Context) error {
		var failed error
		for _, dir := range []string{"data", "state", "log", "etc"} {
			failed = errors.Join(failed, os.RemoveAll(s.path(dir)))
		}
		return failed
	})
}

func (s *Sandbox) down(ctx context.Context) error {
	s.removeContainers(ctx)
	for _, d := range slices.Backward(s.daemons()) {
		if _, ok := s.running(d); ok {
			s.say("stop %s", d.name)
		}
		if err := s.stop(d); err != nil {
			return err
		}
	}
	if err := errors.Join(s.endShims(), s.unmountAll(), s.removeShimFiles(), s.disconnect(ctx)); err != nil {
		return err
	}
	if s.run != s.path("run") {
		if err := remove(s.run); err != nil {
			return err
		}
	}
	// No container is left, so no address of nerdctl's bridge is taken.
	if err := os.RemoveAll(s.path("data", "cni")); err != nil {
		return err
	}
	s.say("down; tools and data are kept in %s", s.root)
	return os.RemoveAll(s.path("run"))
}

// removeContainers removes the containers of every namespace by the client
// that made them, so that their networks go too. What fails here is only said:
// the shims are ended afterwards all the same.
func (s *Sandbox) removeContainers(ctx context.Context) {
	// What was killed is started once more: only it can remove its containers
	// with their networks, cgroups and records.
	up := func(name, state string) bool {
		i := slices.IndexFunc(s.daemons(), func(d daemon) bool { return d.name == name })
		if !exists(s.path("run", state)) {
			return false
		}
		err := s.start(ctx, s.daemons()[i])
		if err != nil {
			s.say("%v", err)
		}
		return err == nil
	}
	try := func(args ...string) string {
		out, err := s.command(ctx, args[0], args[1:]...)
		if err != nil {
			s.say("%v", err)
			return ""
		}
		return out
	}
	containerd := up("containerd", "containerd")
	if containerd && up("dockerd", "docker") {
		if ids := strings.Fields(try("docker", "ps", "--all", "--quiet")); len(ids) > 0 {
			s.removeDockerContainers(ctx, ids)
		}
	}
	if !containerd {
		return
	}
	if pods := try("crictl", "pods", "--quiet"); pods != "" {
		try("crictl", "rmp", "--all", "--force")
	}
	for _, namespace := range strings.Fields(try("ctr", "--connect-timeout", "5s", "namespaces", "ls", "-q")) {
		for _, id := range strings.Fields(try("ctr", "-n", namespace, "containers", "ls", "-q")) {
			if _, err := s.command(ctx, s.tool("nerdctl"), "--namespace", namespace, "rm", "--force", id); err == nil {
				continue
			}
			// A task may be there or not; the container is what has to go.
			if _, err := s.command(ctx, "ctr", "-n", namespace, "tasks", "rm", "--force", id); err != nil {
				s.say("%s has no task that can be removed", id)
			}
			try("ctr", "-n", namespace, "containers", "rm", id)
		}
	}
}

// removeDockerContainers tries for a while: when containerd was started a
// moment ago, dockerd takes some seconds to connect to it again.
func (s *Sandbox) removeDockerContainers(ctx context.Context, ids []string) {
	for begun := time.Now(); ; time.Sleep(500 * time.Millisecond) {
		_, err := s.command(ctx, "docker", append([]string{"rm", "--force"}, ids...)...)
		if err == nil {
			return
		}
		if ctx.Err() != nil || time.Since(begun) > stopTimeout {
			s.say("%v", err)
			return
		}
	}
}
