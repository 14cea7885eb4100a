package action

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/containerd/nerdctl/v2/pkg/api/types"
)

// shimName is the shim's executable, which compiles.
const shimName = "containerd-shim-wasmfile-v1"

// PrecompileOptions are those of Precompile.
type PrecompileOptions struct {
	// Global are nerdctl's global options.
	Global types.GlobalCommandOptions
	// Annotations, "NAME=VALUE" each, are those of the containers to compile
	// for, as far as code depends on them.
	Annotations []string
	// Stdout gets a line for each component.
	Stdout, Stderr io.Writer
}

// Precompile has the shim compile the components of an image that was pulled,
// for the engine of this host, so that the first container does not wait.
func Precompile(ctx context.Context, raw string, o PrecompileOptions) error {
	client, ctx, done, err := connect(ctx, o.Global)
	if err != nil {
		return err
	}
	defer done()
	ref, err := parseReference(raw)
	if err != nil {
		return err
	}
	if _, err := client.GetImage(ctx, ref.String()); err != nil {
		return advise(fmt.Errorf("image %s: %w", ref.String(), err), "pull it first, or use `nerdctl wasm pull --precompile`")
	}
	return precompile(ctx, ref.String(), o)
}

func precompile(ctx context.Context, name string, o PrecompileOptions) error {
	shim, err := findShim()
	if err != nil {
		return err
	}
	args := []string{"precompile", "-address", o.Global.Address, "-namespace", o.Global.Namespace}
	for _, a := range o.Annotations {
		args = append(args, "-annotation", a)
	}
	cmd := exec.CommandContext(ctx, shim, append(args, "--", name)...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	var said strings.Builder
	cmd.Stdout, cmd.Stderr = o.Stdout, &said
	err = cmd.Run()
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("precompile %s: interrupted", name)
	case errors.As(err, &exit):
		return errors.New(strings.TrimSpace(said.String()))
	case err != nil:
		return fmt.Errorf("run %s: %w", shim, err)
	}
	return nil
}

// findShim looks where containerd would, and beside this program.
func findShim() (string, error) {
	path, err := exec.LookPath(shimName)
	if err == nil {
		return filepath.Abs(path)
	}
	if self, selfErr := os.Executable(); selfErr == nil {
		if path, besideErr := exec.LookPath(filepath.Join(filepath.Dir(self), shimName)); besideErr == nil {
			return path, nil
		}
	}
	return "", advise(fmt.Errorf("no shim to compile with: %w", err), "install "+shimName+" in PATH, as for containerd")
}
