package sandbox

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// goTool is a binary that is built from a module in test/e2e/tools, whose
// go.mod and go.sum pin it and its dependencies.
type goTool struct {
	name    string // of the binary
	module  string // the directory below test/e2e/tools
	pkg     string
	version string // a variable to set by the linker, "path=value"
	cgo     bool
	flags   []string
}

const (
	containerdModule = "github.com/containerd/containerd/v2"
	buildkitModule   = "github.com/moby/buildkit"
	mobyModule       = "github.com/moby/moby/v2"
	cniModule        = "github.com/containernetworking/plugins/plugins"

	dockerfileFrontend = "dockerfile-frontend"
)

var goTools = []goTool{
	{name: "containerd", module: "containerd", pkg: containerdModule + "/cmd/containerd", version: containerdModule + "/version.Version=v2.4.2"},
	{name: "ctr", module: "containerd", pkg: containerdModule + "/cmd/ctr", version: containerdModule + "/version.Version=v2.4.2"},
	{name: "containerd-shim-runc-v2", module: "containerd", pkg: containerdModule + "/cmd/containerd-shim-runc-v2", version: containerdModule + "/version.Version=v2.4.2"},
	{name: "runc", module: "runc", pkg: "github.com/opencontainers/runc", version: "main.version=1.5.2", cgo: true, flags: []string{"-tags", "seccomp,netgo,osusergo"}},
	{name: "registry", module: "registry", pkg: "github.com/distribution/distribution/v3/cmd/registry"},
	{name: "nerdctl", module: "nerdctl", pkg: "github.com/containerd/nerdctl/v2/cmd/nerdctl", version: "github.com/containerd/nerdctl/v2/pkg/version.Version=v2.3.5"},
	{name: "rootlesskit", module: "rootlesskit", pkg: "github.com/rootless-containers/rootlesskit/v3/cmd/rootlesskit"},
	{name: "bridge", module: "cni", pkg: cniModule + "/main/bridge"},
	{name: "loopback", module: "cni", pkg: cniModule + "/main/loopback"},
	{name: "host-local", module: "cni", pkg: cniModule + "/ipam/host-local"},
	{name: "portmap", module: "cni", pkg: cniModule + "/meta/portmap"},
	{name: "firewall", module: "cni", pkg: cniModule + "/meta/firewall"},
	{name: "tuning", module: "cni", pkg: cniModule + "/meta/tuning"},
	{name: "buildkitd", module: "buildkit", pkg: buildkitModule + "/cmd/buildkitd", version: buildkitModule + "/version.Version=v0.34.2"},
	{name: "buildctl", module: "buildkit", pkg: buildkitModule + "/cmd/buildctl", version: buildkitModule + "/version.Version=v0.34.2"},
	// The official frontend that a # syntax= line names, as a peer in benchmarks.
	{name: dockerfileFrontend, module: "buildkit", pkg: buildkitModule + "/frontend/dockerfile/cmd/dockerfile-frontend"},
	// The docker CLI has no go.mod of its own, so its language version has to be said.
	{name: "docker", module: "docker", pkg: "github.com/docker/cli/cmd/docker", version: "github.com/docker/cli/cli/version.Version=29.9.3", flags: []string{"-gcflags=github.com/docker/cli/...=-lang=go1.26"}},
	{name: "docker-buildx", module: "buildx", pkg: "github.com/docker/buildx/cmd/buildx", version: "github.com/docker/buildx/version.Version=v0.38.2"},
	{name: "docker-compose", module: "compose", pkg: "github.com/docker/compose/v2/cmd", version: "github.com/docker/compose/v2/internal.Version=v2.40.3"},
	{name: "dockerd", module: "dockerd", pkg: mobyModule + "/cmd/dockerd", version: mobyModule + "/dockerversion.Version=2.0.0-beta.24"},
	{name: "docker-proxy", module: "dockerd", pkg: mobyModule + "/cmd/docker-proxy"},
	{name: "oras", module: "oras", pkg: "oras.land/oras/cmd/oras"},
	{name: "regctl", module: "regctl", pkg: "github.com/regclient/regclient/cmd/regctl"},
	{name: "crane", module: "crane", pkg: "github.com/google/go-containerregistry/cmd/crane"},
	{name: "cosign", module: "cosign", pkg: "github.com/sigstore/cosign/v2/cmd/cosign"},
	{name: "crictl", module: "crictl", pkg: "sigs.k8s.io/cri-tools/cmd/crictl"},
}

// stamp is the file that says from what a tool was built.
func (s *Sandbox) stamp(name string) string { return s.path("tools", "stamp-"+name) }

// buildTools builds goTools.
func (s *Sandbox) buildTools(ctx context.Context) error {
	return s.buildGoTools(ctx, goTools)
}

// buildGoTools builds the tools that are missing, or whose pins have changed.
func (s *Sandbox) buildGoTools(ctx context.Context, tools []goTool) error {
	for i, t := range tools {
		key, err := s.toolKey(t)
		if err != nil {
			return err
		}
		stamp := s.stamp(t.name)
		if built, err := os.ReadFile(stamp); err == nil && string(built) == key && exists(s.tool(t.name)) {
			continue
		}
		err = s.online(ctx, fmt.Sprintf("build %s (%d of %d)", t.name, i+1, len(tools)), func() error {
			return s.buildTool(ctx, t)
		})
		if err != nil {
			return err
		}
		if err := os.WriteFile(stamp, []byte(key), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// toolKey changes when the tool has to be built again.
func (s *Sandbox) toolKey(t goTool) (string, error) {
	sum := sha256.New()
	fmt.Fprintf(sum, "%+v", t)
	for _, name := range []string{"go.mod", "go.sum"} {
		content, err := os.ReadFile(filepath.Join(s.repo, "test", "e2e", "tools", t.module, name))
		if err != nil {
			return "", err
		}
		sum.Write(content)
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// goArchitecture has the go command build for the sandbox's architecture.
func (s *Sandbox) goArchitecture() []string {
	if s.architecture == "" {
		return nil
	}
	return []string{"GOARCH=" + s.architecture}
}

func (s *Sandbox) buildTool(ctx context.Context, t goTool) error {
	ldflags := "-s -w"
	if t.version != "" {
		ldflags += " -X " + t.version
	}
	// Built beside and renamed: a daemon may be running from the old one.
	partial := s.tool("." + t.name)
	args := append([]string{"build", "-trimpath", "-buildvcs=false", "-ldflags", ldflags, "-o", partial}, t.flags...)
	cmd := exec.CommandContext(ctx, "go", append(args, t.pkg)...)
	cmd.Dir = filepath.Join(s.repo, "test", "e2e", "tools", t.module)
	cgo := "0"
	if t.cgo {
		cgo = "1"
	}
	// Some modules are served but are not in the public checksum database;
	// go.sum pins them all the same, which is what -mod=readonly checks.
	cmd.Env = append(os.Environ(), "CGO_ENABLED="+cgo, "GOFLAGS=-mod=readonly", "GOWORK=off", "GONOSUMDB=k8s.io/*,sigs.k8s.io/*")
	cmd.Env = append(cmd.Env, s.goArchitecture()...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, out)
	}
	return os.Rename(partial, s.tool(t.name))
}
