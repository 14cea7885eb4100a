package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

const (
	// EnvExecutable is the environment variable, of containerd and so of the
	// shim, that holds the path of the wasmtime executable.
	EnvExecutable = "WASMFILE_ENGINE"

	executableName = "wasmtime"

	// minimumMajor is the first release whose command line and precompiled
	// code are what this package relies on.
	minimumMajor = 44

	versionWall = 30 * time.Second
)

// ErrNotFound is returned when there is no wasmtime executable on the host.
var ErrNotFound = errors.New("no wasmtime executable")

// ErrUnsupported is returned for an executable that is not wasmtime, or too
// old.
var ErrUnsupported = errors.New("unsupported engine")

const howToInstall = "install wasmtime 44 or newer into /usr/local/bin, from https://github.com/bytecodealliance/wasmtime/releases or by " +
	"`cargo install --locked --root /usr/local wasmtime-cli`; name it in containerd's environment as " + EnvExecutable + " if it is not in containerd's PATH"

// Find returns the absolute path of the wasmtime executable: what
// EnvExecutable names, else the first in PATH. It returns ErrNotFound, with
// how to install one, when there is none.
func Find() (string, error) {
	if path := os.Getenv(EnvExecutable); path != "" {
		if !filepath.IsAbs(path) {
			return "", fmt.Errorf("%w: %s is %q, not an absolute path: %s", ErrNotFound, EnvExecutable, path, howToInstall)
		}
		if _, err := exec.LookPath(path); err != nil {
			return "", fmt.Errorf("%w: %s: %w: %s", ErrNotFound, EnvExecutable, err, howToInstall)
		}
		return path, nil
	}
	path, err := exec.LookPath(executableName)
	if err != nil {
		return "", fmt.Errorf("%w: %w: %s", ErrNotFound, err, howToInstall)
	}
	return filepath.Abs(path)
}

// version runs an executable for its version and checks it.
func version(ctx context.Context, executable string, run Runner) (string, error) {
	output := &boundedBuffer{limit: maxMessage}
	cmd := exec.Command(executable, "--version")
	cmd.Stdout, cmd.Stderr, cmd.Env = output, output, []string{}
	ctx, cancel := context.WithTimeout(ctx, versionWall)
	defer cancel()
	status, err := run(ctx, cmd)
	if err != nil {
		return "", fmt.Errorf("%w: run %s --version: %w", ErrUnsupported, executable, err)
	}
	if status != 0 {
		return "", fmt.Errorf("%w: %s --version exits with %d: %s", ErrUnsupported, executable, status, output)
	}
	return checkVersion(output.String())
}

// checkVersion reads what `wasmtime --version` prints, "wasmtime 49.0.3 (...)",
// and returns the version, or ErrUnsupported for one that is too old or not
// wasmtime's.
func checkVersion(output string) (string, error) {
	fields := strings.Fields(output)
	if len(fields) < 2 || !strings.HasPrefix(fields[0], executableName) {
		return "", fmt.Errorf("%w: it prints %.80q for its version, which is not wasmtime's: %s", ErrUnsupported, output, howToInstall)
	}
	major, _, _ := strings.Cut(fields[1], ".")
	n, err := strconv.Atoi(major)
	if err != nil {
		return "", fmt.Errorf("%w: version %.80q: %w", ErrUnsupported, fields[1], err)
	}
	if n < minimumMajor {
		return "", fmt.Errorf("%w: wasmtime %s is too old: %s", ErrUnsupported, fields[1], howToInstall)
	}
	return fields[1], nil
}
