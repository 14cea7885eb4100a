package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/wasmfile/wasmfile/shim/confine"
)

// Limits of one compilation. A component of 100 MB needs about a quarter of
// them.
const (
	compileMemory   = 8 << 30
	compileCPU      = 20 * 60
	compileWall     = 5 * time.Minute
	compileFileSize = 4 << 30
	maxMessage      = 16 << 10

	workPrefix = "compile-"
)

// ErrCompile is returned when the engine refuses a component; its message is
// in the error.
var ErrCompile = errors.New("the component cannot be compiled")

// Runner runs a command to its end and returns its exit status. It is a
// parameter because a process that reaps all children, as a shim does, cannot
// use os/exec as it is.
type Runner func(ctx context.Context, cmd *exec.Cmd) (status int, err error)

// Compile compiles the component in a file of the host, which must be
// readable by everyone, and returns the path of the machine code, in a new
// directory below dir. The caller removes that directory with the returned
// function, which is never nil.
//
// The compiler reads what anyone may have written, so it runs confined.
func (e *Engine) Compile(ctx context.Context, dir, component string, run Runner) (code string, remove func() error, err error) {
	remove = func() error { return nil }
	if err := os.MkdirAll(dir, 0o711); err != nil {
		return "", remove, err
	}
	sweep(dir)
	work, err := os.MkdirTemp(dir, workPrefix+"*")
	if err != nil {
		return "", remove, err
	}
	remove = func() error { return os.RemoveAll(work) }
	root, out := filepath.Join(work, "root"), filepath.Join(work, "out")
	if err := errors.Join(os.Mkdir(root, 0o755), os.Mkdir(out, 0o755), os.Chmod(out, 0o777)); err != nil {
		return "", remove, err
	}
	const engineDir, input, outDir, output = "/engine", "/component.wasm", "/out", "component.cwasm"
	args := append(e.program(engineDir), "compile", "-C", "cache=n", input, "-o", path.Join(outDir, output))
	cmd, err := confine.Command(confine.Spec{
		Root: root, Args: args, Memory: compileMemory, FileSize: compileFileSize, CPUSeconds: compileCPU,
		Mounts: []confine.Mount{
			{Source: e.Dir, Target: engineDir, Directory: true},
			{Source: component, Target: input},
			{Source: out, Target: outDir, Directory: true, Writable: true},
		},
	})
	if err != nil {
		return "", remove, err
	}
	message := &boundedBuffer{limit: maxMessage}
	cmd.Stdout, cmd.Stderr = message, message
	ctx, cancel := context.WithTimeout(ctx, compileWall)
	defer cancel()
	status, err := run(ctx, cmd)
	if err != nil {
		return "", remove, fmt.Errorf("run the compiler: %w", err)
	}
	if status != 0 {
		return "", remove, fmt.Errorf("%w: exit status %d: %s", ErrCompile, status, strings.TrimSpace(message.String()))
	}
	return filepath.Join(out, output), remove, nil
}

// sweep removes what compilations left behind whose shim was killed. It is
// only tidying: what cannot be removed now is tried again next time.
func sweep(dir string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, entry := range entries {
		info, err := entry.Info()
		if err == nil && strings.HasPrefix(entry.Name(), workPrefix) && time.Since(info.ModTime()) > 2*compileWall {
			_ = os.RemoveAll(filepath.Join(dir, entry.Name()))
		}
	}
}

// boundedBuffer keeps the beginning of what is written to it.
type boundedBuffer struct {
	bytes.Buffer
	limit int
}

// Write never fails: a program that talks too much is not to be stopped.
func (b *boundedBuffer) Write(p []byte) (int, error) {
	if room := b.limit - b.Len(); room > 0 {
		b.Buffer.Write(p[:min(room, len(p))])
	}
	return len(p), nil
}
