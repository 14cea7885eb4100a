package images

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

	"github.com/wasmfile/wasmfile/nerdctlplugin/advice"
	"github.com/wasmfile/wasmfile/nerdctlplugin/daemon"
	"github.com/wasmfile/wasmfile/nerdctlplugin/source"
	"github.com/wasmfile/wasmfile/pkg/artifact"
)

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
	ctx, src, err := source.OpenImage(ctx, raw, "", o.Global)
	if err != nil {
		return err
	}
	defer src.Close()
	return PrecompileSource(ctx, src, o)
}

// PrecompileSource is Precompile for an image in containerd that is open.
func PrecompileSource(ctx context.Context, src *source.Source, o PrecompileOptions) error {
	if src.Artifact.Form != artifact.FormImage {
		return runPrecompile(ctx, src.Name, "", o)
	}
	return src.WithFiles(ctx, o.Global.Snapshotter, func(root *os.Root) error {
		return runPrecompile(ctx, src.Name, root.Name(), o)
	})
}

// runPrecompile has the shim compile the components of an image: its layers, or those
// that are among its files, which are in a directory.
func runPrecompile(ctx context.Context, name, files string, o PrecompileOptions) error {
	shim, err := findShim()
	if err != nil {
		return err
	}
	args := []string{"precompile", "-address", o.Global.Address, "-namespace", o.Global.Namespace}
	if files != "" {
		args = append(args, "-files", files)
	}
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
	path, err := exec.LookPath(daemon.ShimName)
	if err == nil {
		return filepath.Abs(path)
	}
	if self, selfErr := os.Executable(); selfErr == nil {
		if path, besideErr := exec.LookPath(filepath.Join(filepath.Dir(self), daemon.ShimName)); besideErr == nil {
			return path, nil
		}
	}
	return "", advice.Add(fmt.Errorf("no shim to compile with: %w", err), "install "+daemon.ShimName+" in PATH, as for containerd")
}
