package sandbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// builder is the name of the buildx builder that is the sandbox's buildkitd.
const builder = "wasmfile-sandbox"

type variable struct{ name, value string }

// variables are the environment in which every client works without flags.
func (s *Sandbox) variables() []variable {
	return []variable{
		{"PATH", strings.Join([]string{filepath.Join(s.repo, "bin"), s.path("tools", "bin"), outerPath(s)}, ":")},
		{"SANDBOX_DIR", s.root},
		{"CONTAINERD_ADDRESS", s.containerdSocket()},
		{"CONTAINERD_NAMESPACE", "default"},
		{"BUILDKIT_HOST", "unix://" + s.buildkitSocket()},
		{"DOCKER_HOST", "unix://" + s.dockerSocket()},
		{"DOCKER_CONFIG", s.path("etc", "docker")},
		{"BUILDX_BUILDER", builder},
		{"NERDCTL_TOML", s.path("etc", "nerdctl.toml")},
		{"CRI_CONFIG_FILE", s.path("etc", "crictl.yaml")},
		{"REGCTL_CONFIG", s.path("etc", "regctl.json")},
		// It would say on every call that cgroup v1 is going to be removed.
		{"CONTAINERD_SUPPRESS_DEPRECATION_WARNINGS", "1"},
		{"REGISTRY", s.Registry()},
		{"PLAIN_REGISTRY", s.plainRegistry()},
		{"WASMFILE_FRONTEND", s.FrontendImage()},
		{"DOCKERFILE_FRONTEND", s.Image("dockerfile")},
		{"WASMFILE_ENGINE", s.tool("wasmtime")},
		{"WASMFILE_CONFIG", s.path("etc", "shim.toml")},
		{"GOLANG_IMAGE", s.Image("golang")},
		{"BUSYBOX_IMAGE", s.Image("busybox")},
		{"TOOLCHAINS_IMAGE", s.ToolchainsImage()},
	}
}

// outerPath is PATH without what an earlier `eval` put in front.
func outerPath(s *Sandbox) string {
	var kept []string
	for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
		if dir != filepath.Join(s.repo, "bin") && dir != s.path("tools", "bin") {
			kept = append(kept, dir)
		}
	}
	return strings.Join(append(kept, "/usr/sbin", "/sbin"), ":")
}

// environ is the environment of everything that the sandbox starts.
func (s *Sandbox) environ() []string {
	environ := os.Environ()
	for _, v := range s.variables() {
		environ = append(environ, v.name+"="+v.value)
	}
	return environ
}

// PrintEnv writes shell exports.
func (s *Sandbox) PrintEnv(out io.Writer) error {
	if s.Registry() == "" {
		return errors.New("there is no sandbox yet: run `make sandbox-up`")
	}
	for _, v := range s.variables() {
		fmt.Fprintf(out, "export %s=%s\n", v.name, quoted(v.value))
	}
	return nil
}

// quoted is a word as a shell reads it.
func quoted(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

// configureClients writes what the clients read.
func (s *Sandbox) configureClients(ctx context.Context) error {
	plugins := s.path("etc", "docker", "cli-plugins")
	if err := os.MkdirAll(plugins, 0o755); err != nil {
		return err
	}
	for _, name := range []string{"docker-buildx", "docker-compose"} {
		plugin := filepath.Join(plugins, name)
		if err := errors.Join(remove(plugin), os.Symlink(s.tool(name), plugin)); err != nil {
			return err
		}
	}
	for _, file := range []struct{ template, path string }{
		{"shim.toml", "shim.toml"},
		{"nerdctl.toml", "nerdctl.toml"},
		{"crictl.yaml", "crictl.yaml"},
		{"regctl.json", "regctl.json"},
		{"nerdctl-bridge.conflist", "cni/nerdctl-bridge.conflist"},
		{"hosts.toml", "hosts/" + s.Registry() + "/hosts.toml"},
		{"hosts.toml", "hosts/" + s.registryAddress() + "/hosts.toml"},
	} {
		if err := s.configure(file.template, file.path); err != nil {
			return err
		}
	}
	if _, err := s.command(ctx, "docker", "buildx", "inspect", builder); err == nil {
		return nil
	}
	_, err := s.command(ctx, "docker", "buildx", "create", "--name", builder, "--driver", "remote", "unix://"+s.buildkitSocket())
	return err
}
