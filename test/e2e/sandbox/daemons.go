package sandbox

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"syscall"
)

// tmpfsMagic is what statfs(2) says of file systems in memory.
const tmpfsMagic = 0x01021994

func (s *Sandbox) containerdSocket() string { return filepath.Join(s.run, "containerd.sock") }
func (s *Sandbox) buildkitSocket() string   { return filepath.Join(s.run, "buildkitd.sock") }
func (s *Sandbox) dockerSocket() string     { return filepath.Join(s.run, "docker.sock") }

// daemons are all, in the order in which they start.
func (s *Sandbox) daemons() []daemon {
	return []daemon{
		{
			name: "registry", config: "registry.yml", endpoint: s.registryAddress(),
			args:    []string{s.tool("registry"), "serve", s.path("etc", "registry.yml")},
			version: []string{"registry", "--version"},
			ready:   s.registryAnswers,
		},
		{
			name: "containerd", config: "containerd.toml", endpoint: s.containerdSocket(),
			args:    []string{s.tool("containerd"), "--config", s.path("etc", "containerd.toml")},
			version: []string{"containerd", "--version"},
			ready:   s.answers("ctr", "--address", s.containerdSocket(), "--connect-timeout", "1s", "version"),
		},
		{
			name: "buildkitd", config: "buildkitd.toml", endpoint: s.buildkitSocket(),
			args:    []string{s.tool("buildkitd"), "--config", s.path("etc", "buildkitd.toml")},
			version: []string{"buildkitd", "--version"},
			ready:   s.answers("buildctl", "--addr", "unix://"+s.buildkitSocket(), "--timeout", "1", "debug", "workers"),
		},
		{
			name: "dockerd", config: "dockerd.json", endpoint: s.dockerSocket(),
			args:    []string{s.tool("dockerd"), "--config-file", s.path("etc", "dockerd.json")},
			version: []string{"dockerd", "--version"},
			stale:   filepath.Join(s.run, "docker.pid"),
			ready:   s.answers("docker", "--host", "unix://"+s.dockerSocket(), "version"),
		},
	}
}

// answers is a check that a command succeeds.
func (s *Sandbox) answers(args ...string) func(context.Context) error {
	return func(ctx context.Context) error {
		_, err := s.command(ctx, args[0], args[1:]...)
		return err
	}
}

func (s *Sandbox) registryAnswers(ctx context.Context) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.registryAddress()+"/v2/", nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		err = fmt.Errorf("GET %s: %s", request.URL, response.Status)
	}
	if closeErr := response.Body.Close(); err == nil {
		err = closeErr
	}
	return err
}

func (s *Sandbox) startDaemons(ctx context.Context) error {
	if err := s.keepRunInMemory(); err != nil {
		return err
	}
	if err := s.choosePort(); err != nil {
		return err
	}
	if err := s.connect(ctx); err != nil {
		return err
	}
	for _, d := range s.daemons() {
		if err := s.start(ctx, d); err != nil {
			return err
		}
	}
	return nil
}

// keepRunInMemory has sockets and bundles in memory and executes nothing there, as
// it is below /run where systemd mounts it. Daemons that run keep what they have.
func (s *Sandbox) keepRunInMemory() error {
	var found syscall.Statfs_t
	if err := syscall.Statfs(s.path("run"), &found); err != nil {
		return &os.PathError{Op: "statfs", Path: s.path("run"), Err: err}
	}
	running := slices.ContainsFunc(s.daemons(), func(d daemon) bool { _, ok := s.running(d); return ok })
	if running || found.Type == tmpfsMagic {
		return nil
	}
	if err := syscall.Mount("tmpfs", s.path("run"), "tmpfs", syscall.MS_NOSUID|syscall.MS_NODEV|syscall.MS_NOEXEC, "mode=0711"); err != nil {
		return &os.PathError{Op: "mount", Path: s.path("run"), Err: err}
	}
	return s.makeDirectories() // what was there is below the mount
}

// choosePort picks the registry's port once, because references hold it; again
// only when something else has taken it meanwhile.
func (s *Sandbox) choosePort() error {
	address := "127.0.0.1:0"
	if chosen := s.registryAddress(); chosen != "" {
		if _, ok := s.running(s.daemons()[0]); ok || free(chosen) {
			return nil
		}
		s.say("something else listens on %s: the registry moves to another port", chosen)
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("find a port for the registry: %w", err)
	}
	address = listener.Addr().String()
	if err := listener.Close(); err != nil {
		return err
	}
	return os.WriteFile(s.path("state", "registry"), []byte(address), 0o644)
}

func free(address string) bool {
	listener, err := net.Listen("tcp", address)
	return err == nil && listener.Close() == nil
}

// registryAddress is where the registry listens, empty before it was ever up.
func (s *Sandbox) registryAddress() string {
	address, err := os.ReadFile(s.path("state", "registry"))
	if err != nil {
		return ""
	}
	return string(address)
}

// Registry is the registry's host:port, empty before it was ever up. The host
// is localhost, the one name that every client takes for plain HTTP.
func (s *Sandbox) Registry() string {
	_, port, err := net.SplitHostPort(s.registryAddress())
	if err != nil {
		return ""
	}
	return net.JoinHostPort("localhost", port)
}
