package sandbox

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"

	"github.com/wasmfile/wasmfile/test/e2e/machine"
)

const (
	arm64 = "arm64"

	// arm64Patience is how much longer tests wait on a processor that is emulated.
	arm64Patience = "40"
)

// arm64Packages are what a machine with an arm64 processor is made of, beside
// debianPackages.
var arm64Packages = []debianPackage{
	{"qemu-system-arm", "qemu-system-aarch64"},
	{"mmdebstrap", "mmdebstrap"},
	{"e2fsprogs", "mke2fs"},
	{"cpio", "cpio"},
}

// arm64Tools are those of goTools that such a machine has. Its runc is Debian's, as
// another has to be compiled with a C library for arm64.
var arm64Tools = []string{
	"registry", "containerd", "ctr", "containerd-shim-runc-v2", "buildkitd", "buildctl", "nerdctl", "crane",
	"docker", "docker-buildx", "dockerd", "docker-proxy", "oras",
	"bridge", "loopback", "host-local", "portmap", "firewall", "tuning",
}

// InArm64 runs end-to-end tests, chosen by flags of theirs, in a machine with an arm64
// processor, systemd and cgroup version 2. The project's binaries for it are in
// arm64/bin. It has no base images.
func (s *Sandbox) InArm64(ctx context.Context, flags []string) error {
	built := &Sandbox{root: s.path(arm64), run: s.path(arm64, "run"), repo: s.repo, architecture: arm64, log: s.log}
	err := s.stages(ctx, s.buildGuests, func(ctx context.Context) error {
		return s.install(ctx, arm64Packages)
	}, func(ctx context.Context) error {
		return built.stages(ctx, built.buildArm64Tools, built.installEngine, built.buildForMachine, built.buildUnitTests)
	})
	if err != nil {
		return err
	}
	console, err := os.Create(s.path("log", "arm64.log"))
	// Else there is nothing to mount the machine's on.
	if err := errors.Join(err, os.MkdirAll(s.path("machine"), 0o755)); err != nil {
		return err
	}
	return s.runIn(ctx, &machine.Machine{
		Hardware: machine.Arm64, Dir: built.path("machine"), Memory: 3072, Console: console, Output: os.Stdout,
		// What was built for it is where what was built for the host is there.
		Shared: map[string]string{
			s.repo: s.repo, s.root: s.root,
			s.path("tools"): built.path("tools"), s.path("machine"): built.path("machine"), s.repo + "/bin": built.path("bin"),
		},
	}, arm64Patience, flags)
}

// buildUnitTests builds the unit tests of the shim's packages that are about processes,
// executables, and what only a kernel can say. Most others also run without one:
// `GOARCH=arm64 go test -exec qemu-aarch64`.
func (s *Sandbox) buildUnitTests(ctx context.Context) error {
	dir := s.path("machine", "unit")
	if err := os.RemoveAll(dir); err != nil { // the test runs what is there
		return err
	}
	cmd := exec.CommandContext(ctx, "go", "test", "-c", "-o", dir+"/",
		"./shim/confine", "./shim/engine", "./shim/listener", "./shim/task", "./shim/tracing")
	cmd.Dir = s.repo
	cmd.Env = append(append(os.Environ(), "CGO_ENABLED=0"), s.goArchitecture()...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go test -c: %w\n%s", err, out)
	}
	return nil
}

func (s *Sandbox) buildArm64Tools(ctx context.Context) error {
	var tools []goTool
	for _, t := range goTools {
		if slices.Contains(arm64Tools, t.name) {
			tools = append(tools, t)
		}
	}
	runc := s.tool("runc")
	if err := errors.Join(remove(runc), os.Symlink("/usr/sbin/runc", runc)); err != nil {
		return err
	}
	return s.buildGoTools(ctx, tools)
}
