package sandbox

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/wasmfile/wasmfile/test/e2e/guests"
	"github.com/wasmfile/wasmfile/test/e2e/machine"
)

// machinePackages are what a machine is made of, beside debianPackages.
var machinePackages = []debianPackage{
	{"user-mode-linux", "linux.uml"},
	{"mmdebstrap", "mmdebstrap"},
	{"e2fsprogs", "mke2fs"},
}

// machinePatience is how much longer tests wait in a machine: its processes start
// several times as slowly as the host's.
const machinePatience = "10"

// layouts is where the base images are as OCI layouts, for the machine.
func (s *Sandbox) layouts() string { return s.path("machine", "images") }

// InMachine runs end-to-end tests, chosen by flags of theirs, in a machine with
// systemd and cgroup version 2. Its daemons have this sandbox's tools, guests and
// images, and systemd runs them.
func (s *Sandbox) InMachine(ctx context.Context, flags []string) error {
	var m *machine.Machine
	err := s.stages(ctx, func(ctx context.Context) error {
		return s.install(ctx, machinePackages)
	}, s.exportImages, s.buildForMachine, s.buildGuests, func(context.Context) (err error) {
		m, err = s.machine()
		return err
	})
	if err != nil {
		return err
	}
	return s.runIn(ctx, m, machinePatience, flags)
}

func (s *Sandbox) buildGuests(ctx context.Context) error {
	_, err := guests.Build(ctx, s.path("guests"))
	return err
}

// runIn runs end-to-end tests, chosen by flags of theirs, in a machine.
func (s *Sandbox) runIn(ctx context.Context, m *machine.Machine, patience string, flags []string) error {
	s.say("start a machine; its console is %s", m.Console.Name())
	code, err := m.Run(ctx, s.machineScript(patience, flags))
	if err == nil && code != 0 {
		err = fmt.Errorf("the tests in the machine end with %d", code)
	}
	return err
}

// machineScript starts the daemons in a machine and runs tests with flags.
func (s *Sandbox) machineScript(patience string, flags []string) string {
	script := new(strings.Builder)
	for _, v := range []variable{
		{"HOME", "/root"},
		{"SANDBOX_DIR", "/var/lib/sandbox"},
		{"HOST_SANDBOX", s.root},
		{"WASMFILE_TEST_SLOW", os.Getenv("WASMFILE_TEST_SLOW")},
		{"WASMFILE_TEST_PATIENCE", cmp.Or(os.Getenv("WASMFILE_TEST_PATIENCE"), patience)},
	} {
		fmt.Fprintf(script, "export %s=%s\n", v.name, quoted(v.value))
	}
	fmt.Fprintf(script, "cd %s\nset --", quoted(filepath.Join(s.repo, "test", "e2e")))
	for _, flag := range flags {
		fmt.Fprintf(script, " %s", quoted(flag))
	}
	script.WriteString(`
set -e
mkdir "$SANDBOX_DIR"
ln -s "$HOST_SANDBOX/tools" "$HOST_SANDBOX/guests" "$HOST_SANDBOX/machine" "$SANDBOX_DIR"
"$SANDBOX_DIR/machine/sandbox" services
eval "$("$SANDBOX_DIR/machine/sandbox" env)"
exec "$SANDBOX_DIR/machine/e2e.test" -test.v "$@"
`)
	return script.String()
}

func (s *Sandbox) machine() (*machine.Machine, error) {
	console, err := os.Create(s.path("log", "machine.log"))
	return &machine.Machine{
		Hardware: machine.UserMode, Dir: s.path("machine"), Memory: 4096, Console: console, Output: os.Stdout,
		Shared: map[string]string{s.repo: s.repo, s.root: s.root},
	}, err
}

// buildForMachine builds the tests and this program: the machine has no Go.
func (s *Sandbox) buildForMachine(ctx context.Context) error {
	for name, args := range map[string][]string{
		"e2e.test": {"test", "-c", "."}, "sandbox": {"build", "./cmd/sandbox"},
	} {
		args = append([]string{args[0], "-o", s.path("machine", name)}, args[1:]...)
		cmd := exec.CommandContext(ctx, "go", args...)
		cmd.Dir = filepath.Join(s.repo, "test", "e2e")
		cmd.Env = append(append(os.Environ(), "CGO_ENABLED=0"), s.goArchitecture()...)
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, out)
		}
	}
	return nil
}

// machineImages are the base images that the tests in a machine use.
var machineImages = []string{"busybox", "pause"}

func (s *Sandbox) exportImages(ctx context.Context) error {
	if err := os.RemoveAll(s.layouts()); err != nil {
		return err
	}
	for _, name := range machineImages {
		if _, err := s.command(ctx, "crane", "pull", "--format=oci", s.Image(name), filepath.Join(s.layouts(), name)); err != nil {
			return err
		}
	}
	return nil
}

// Services starts the daemons as services of this machine's systemd, with tools
// and images that are there, if any are.
func (s *Sandbox) Services(ctx context.Context) error {
	s.systemd = true
	return s.stages(ctx, s.startDaemons, s.configureClients, func(ctx context.Context) error {
		for _, name := range machineImages {
			layout := filepath.Join(s.layouts(), name)
			if !exists(layout) {
				continue
			}
			if _, err := s.command(ctx, "crane", "push", layout, s.Image(name)); err != nil {
				return err
			}
		}
		return nil
	}, s.pushBuiltFrontend)
}

// startService starts a daemon with the settings of containerd's and Docker's own
// units.
func (s *Sandbox) startService(ctx context.Context, d daemon) (pid int, err error) {
	environment := new(bytes.Buffer)
	for _, v := range s.variables() {
		fmt.Fprintf(environment, "%s=%q\n", v.name, v.value)
	}
	file := s.path("etc", "environment")
	if err := os.WriteFile(file, environment.Bytes(), 0o644); err != nil {
		return 0, err
	}
	args := []string{"--unit", d.name, "--service-type", "exec", "--working-directory", s.root}
	for _, property := range []string{
		"EnvironmentFile=" + file, "Delegate=yes", "KillMode=process", "LimitNPROC=infinity", "TasksMax=infinity", "OOMScoreAdjust=-500",
		"StandardOutput=append:" + s.logFile(d), "StandardError=append:" + s.logFile(d),
	} {
		args = append(args, "--property", property)
	}
	if _, err := s.command(ctx, "systemd-run", append(args, d.args...)...); err != nil {
		return 0, err
	}
	out, err := s.command(ctx, "systemctl", "show", "--property", "MainPID", "--value", d.name)
	if err != nil {
		return 0, err
	}
	if pid, err = strconv.Atoi(out); err != nil || pid == 0 {
		return 0, errors.Join(fmt.Errorf("systemd's %s has process %q", d.name, out), err)
	}
	return pid, nil
}
