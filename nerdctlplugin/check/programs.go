package check

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/wasmfile/wasmfile/nerdctlplugin/daemon"
)

const (
	// engineVariable names the engine in containerd's environment.
	engineVariable = "WASMFILE_ENGINE"

	// minEngine is the oldest major version of wasmtime that the shim takes.
	minEngine = 44

	versionTimeout = 10 * time.Second
)

// environment is the environment of containerd, which the shim inherits.
type environment struct {
	path, engine string
	// own says that it is this process's, because containerd's is not known.
	own bool
}

// environmentOf reads a process's environment, which takes the right to.
func environmentOf(found *Daemon) environment {
	own := environment{path: os.Getenv("PATH"), engine: os.Getenv(engineVariable), own: true}
	if found == nil || found.PID == 0 {
		return own
	}
	content, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(found.PID), "environ"))
	if err != nil {
		return own
	}
	var s environment
	for _, variable := range strings.Split(string(content), "\x00") {
		switch name, value, _ := strings.Cut(variable, "="); name {
		case "PATH":
			s.path = value
		case engineVariable:
			s.engine = value
		}
	}
	return s
}

// find looks for a program where containerd does.
func (s environment) find(name string) (string, error) {
	for _, dir := range filepath.SplitList(s.path) {
		if !filepath.IsAbs(dir) {
			continue
		}
		if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return path, nil
		}
	}
	whose := "containerd's PATH"
	if s.own {
		whose = "PATH"
	}
	return "", fmt.Errorf("no %s in %s: %s", name, whose, s.path)
}

// output runs a program that prints something and ends.
func output(ctx context.Context, program string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, versionTimeout)
	defer cancel()
	command := exec.CommandContext(ctx, program, args...)
	var out bytes.Buffer
	command.Stdout, command.Stderr = &out, &out
	if err := command.Run(); err != nil {
		return "", fmt.Errorf("%s %s: %w: %.200s", program, strings.Join(args, " "), err, out.String())
	}
	return out.String(), nil
}

// numbers is a version in a program's output.
var numbers = regexp.MustCompile(`\d+\.\d+(\.\d+)?[0-9A-Za-z.+-]*`)

// program looks for a program and its version.
func (s environment) program(ctx context.Context, r Result, name string, args ...string) Result {
	path, err := s.find(name)
	if err != nil {
		r.Status, r.Detail = Missing, err.Error()
		return r
	}
	r.Status, r.Detail = OK, path
	said, err := output(ctx, path, args...)
	if err != nil {
		r.Status, r.Detail = Missing, err.Error()
		return r
	}
	r.Version = numbers.FindString(said)
	return r
}

func shim(ctx context.Context, _ Options, s environment) Result {
	r := s.program(ctx, Result{Name: "shim", Fix: "install " + daemon.ShimName + " into /usr/local/bin (`make install`)"}, daemon.ShimName, "-v")
	if r.Status == OK {
		r.Version = "" // it says Go's first
		if said, err := output(ctx, r.Detail, "-v"); err == nil {
			r.Version = labelled(said, "Version:")
		}
	}
	return r
}

func runc(ctx context.Context, _ Options, s environment) Result {
	return s.program(ctx, Result{Name: "runc", Fix: "apt-get install runc"}, "runc", "--version")
}

func engine(ctx context.Context, _ Options, s environment) Result {
	r := Result{Name: "engine", Fix: "install wasmtime into /usr/local/bin, from https://github.com/bytecodealliance/wasmtime/releases or by cargo install --locked --root /usr/local wasmtime-cli; name it in containerd's environment as " + engineVariable + " if it is not in containerd's PATH"}
	if s.engine != "" {
		s.path = filepath.Dir(s.engine)
		r = s.program(ctx, r, filepath.Base(s.engine), "--version")
	} else {
		r = s.program(ctx, r, "wasmtime", "--version")
	}
	major, _, _ := strings.Cut(r.Version, ".")
	if n, err := strconv.Atoi(major); r.Status == OK && (err != nil || n < minEngine) {
		r.Status, r.Detail = Missing, fmt.Sprintf("%s is too old: it has to be %d or newer", r.Detail, minEngine)
	}
	return r
}

// features are what the shim uses of the engine, by the options that it has to
// know.
var features = []struct{ name, option string }{
	{"WASI", " cli["}, {"HTTP", " http["}, {"sockets", " inherit-network["}, {"name lookup", " allow-ip-name-lookup["},
}

func engineFeatures(ctx context.Context, o Options, s environment) Result {
	r := Result{Name: "engine's features", Status: OK, Fix: "install a whole wasmtime: some distributions build it without"}
	found := engine(ctx, o, s)
	if found.Status != OK {
		r.Status, r.Detail, r.Fix = Warning, "not known without the engine", ""
		return r
	}
	help, err := output(ctx, found.Detail, "run", "-S", "help")
	if err != nil {
		r.Status, r.Detail = Warning, err.Error()
		return r
	}
	var has, lacks []string
	for _, feature := range features {
		if strings.Contains(help, feature.option) {
			has = append(has, feature.name)
		} else {
			lacks = append(lacks, feature.name)
		}
	}
	for _, command := range []string{"serve", "compile"} {
		if _, err := output(ctx, found.Detail, command, "--help"); err == nil {
			has = append(has, command)
		} else {
			lacks = append(lacks, command)
		}
	}
	r.Detail = strings.Join(has, ", ")
	if len(lacks) > 0 {
		r.Status, r.Detail = Warning, "it lacks "+strings.Join(lacks, ", ")
	}
	return r
}

func nerdctl(ctx context.Context, o Options, s environment) Result {
	r := Result{Name: "nerdctl", Status: Warning, Fix: "install it from https://github.com/containerd/nerdctl/releases: `nerdctl wasm stop` and the like need it"}
	path, err := o.Nerdctl()
	if err != nil {
		r.Detail = err.Error()
		return r
	}
	said, err := output(ctx, path, "--version")
	if err != nil {
		r.Detail = err.Error()
		return r
	}
	r.Status, r.Version, r.Detail = OK, numbers.FindString(said), path
	return r
}

func buildkitd(ctx context.Context, o Options, _ environment) Result {
	start := "start buildkitd"
	if o.Rootless != nil {
		start = "containerd-rootless-setuptool.sh install-buildkit-containerd"
	}
	r := Result{Name: "buildkitd", Status: Warning, Fix: start + ", or name its address as BUILDKIT_HOST: `nerdctl wasm build` needs it"}
	address, version, err := o.Builder(ctx)
	if err != nil {
		r.Detail = err.Error()
		return r
	}
	r.Status, r.Version, r.Detail = OK, version, address
	return r
}

// labelled is the word after a label at the beginning of a line.
func labelled(text, label string) string {
	for _, line := range strings.Split(text, "\n") {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), label); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
