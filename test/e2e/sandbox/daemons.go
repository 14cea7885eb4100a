package sandbox

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
)

func (s *Sandbox) containerdSocket() string { return filepath.Join(s.run, "containerd.sock") }
func (s *Sandbox) buildkitSocket() string   { return filepath.Join(s.run, "buildkitd.sock") }
func (s *Sandbox) dockerSocket() string     { return filepath.Join(s.run, "docker.sock") }

// daemons are all, in the order in which they start.
func (s *Sandbox) daemons() []daemon {
	return []daemon{
		{
			name: "registry", endpoint: s.registry(),
			args:      []string{s.tool("registry"), "serve", s.path("etc", "registry.yml")},
			configure: func() error { return s.config("registry.yml", registryConfig) },
			ready: func(ctx context.Context) error {
				request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.registry()+"/v2/", nil)
				if err != nil {
					return err
				}
				response, err := http.DefaultClient.Do(request)
				if err != nil {
					return err
				}
				return response.Body.Close()
			},
		},
		{
			name: "containerd", endpoint: s.containerdSocket(),
			args:      []string{s.tool("containerd"), "--config", s.path("etc", "containerd.toml")},
			env:       []string{"WASMFILE_ENGINE=" + s.tool("wasmtime")},
			configure: func() error { return s.config("containerd.toml", containerdConfig) },
			ready:     s.answers("ctr", "--address", s.containerdSocket(), "--connect-timeout", "1s", "version"),
		},
		{
			name: "buildkitd", endpoint: s.buildkitSocket(),
			args:      []string{s.tool("buildkitd"), "--config", s.path("etc", "buildkitd.toml")},
			configure: func() error { return s.config("buildkitd.toml", buildkitConfig) },
			ready:     s.answers("buildctl", "--addr", "unix://"+s.buildkitSocket(), "--timeout", "1", "debug", "workers"),
		},
		{
			name: "dockerd", endpoint: s.dockerSocket(),
			args: []string{s.tool("dockerd"), "--config-file", s.path("etc", "dockerd.json")},
			configure: func() error {
				return firstError(s.makeDockerBridge(), s.config("dockerd.json", dockerConfig))
			},
			ready: s.answers("docker", "--host", "unix://"+s.dockerSocket(), "version"),
		},
	}
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// answers is a check that a command succeeds.
func (s *Sandbox) answers(args ...string) func(context.Context) error {
	return func(ctx context.Context) error {
		_, err := s.command(ctx, args[0], args[1:]...)
		return err
	}
}

func (s *Sandbox) startDaemons(ctx context.Context) error {
	if err := s.choosePort(); err != nil {
		return err
	}
	for _, d := range s.daemons() {
		if err := s.start(ctx, d); err != nil {
			return err
		}
	}
	return nil
}

// choosePort picks the registry's port once: references hold it.
func (s *Sandbox) choosePort() error {
	if exists(s.path("state", "registry")) {
		return nil
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer listener.Close()
	return os.WriteFile(s.path("state", "registry"), []byte(listener.Addr().String()), 0o644)
}

// registry is the registry's host:port, empty before it was ever up.
func (s *Sandbox) registry() string {
	address, _ := os.ReadFile(s.path("state", "registry")) //nolint:errcheck // empty is the answer
	return string(address)
}

// config writes a configuration with the sandbox's paths filled in.
func (s *Sandbox) config(name, template string) error {
	text := strings.NewReplacer(
		"ROOT", s.root, "TOOLS", s.path("tools", "bin"), "REGISTRY", s.registry(),
		"CONTAINERD_SOCK", s.containerdSocket(), "BUILDKIT_SOCK", s.buildkitSocket(), "DOCKER_SOCK", s.dockerSocket(),
		"RUN", s.run, "DOCKER_BRIDGE", s.dockerBridge(), "NERDCTL_BRIDGE", s.nerdctlBridge(),
		"NERDCTL_SUBNET", s.subnet(1), "PAUSE_IMAGE", s.image("pause"),
	).Replace(template)
	path := s.path("etc", name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(text), 0o644)
}

// Bridges and subnets derive from the sandbox's id, so that two sandboxes and
// the host's own networks stay apart.

func (s *Sandbox) dockerBridge() string  { return "wfd" + s.id }
func (s *Sandbox) nerdctlBridge() string { return "wfn" + s.id }

// subnet is the first three numbers of a /24 of this sandbox's, n being 0 or 1.
func (s *Sandbox) subnet(n int) string {
	var id [3]byte
	fmt.Sscanf(s.id, "%02x%02x%02x", &id[0], &id[1], &id[2]) //nolint:errcheck // the id is hexadecimal
	return fmt.Sprintf("10.%d.%d", 128+int(id[0])%96, int(id[1])&^1+n)
}

// makeDockerBridge makes the bridge that dockerd is told to use instead of
// docker0.
func (s *Sandbox) makeDockerBridge() error {
	ctx := context.Background()
	bridge := s.dockerBridge()
	if _, err := s.command(ctx, "ip", "link", "show", bridge); err == nil {
		return nil
	}
	for _, args := range [][]string{
		{"link", "add", "name", bridge, "type", "bridge"},
		{"addr", "add", s.subnet(0) + ".1/24", "dev", bridge},
		{"link", "set", bridge, "up"},
	} {
		if _, err := s.command(ctx, "ip", args...); err != nil {
			return err
		}
	}
	return nil
}
