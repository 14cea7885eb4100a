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

const (
	// compileFileSize is the most bytes of code that a compilation may write.
	compileFileSize = 4 << 30

	maxMessage = 16 << 10
)

// CompileLimits are those of one compilation.
type CompileLimits struct {
	// Memory is the most address space, in bytes.
	Memory uint64
	// CPU is the most processor time, in whole seconds.
	CPU time.Duration
	// Wall is the longest that it may take.
	Wall time.Duration
}

// DefaultCompileLimits are for components of some hundred megabytes.
func DefaultCompileLimits() CompileLimits {
	return CompileLimits{Memory: 8 << 30, CPU: 20 * time.Minute, Wall: 5 * time.Minute}
}

// ErrCompile is returned when the engine refuses a component; its message is
// in the error.
var ErrCompile = errors.New("the component cannot be compiled")

// Compilation is what to compile, and how.
type Compilation struct {
	// Dir is where the work is done.
	Dir string
	// Component is a file of the host that everyone may read.
	Component string
	// Flags are the engine's that decide about the code.
	Flags []string
	// Limits are the compiler's.
	Limits CompileLimits
}

// Runner runs a command to its end and returns its exit status. It is a
// parameter because a process that reaps all children, as a shim does, cannot
// use os/exec as it is.
type Runner func(ctx context.Context, cmd *exec.Cmd) (status int, err error)

// Compile returns the path of the machine code of a component, in a new
// directory below c.Dir. The caller removes that directory with the returned
// function, which is never nil.
//
// The compiler reads what anyone may have written, so it runs confined.
func (e *Engine) Compile(ctx context.Context, c Compilation, run Runner) (code string, remove func() error, err error) {
	work, remove, err := makeWork(c.Dir, "compile-")
	if err != nil {
		return "", remove, err
	}
	root, out := filepath.Join(work, "root"), filepath.Join(work, "out")
	if err := errors.Join(os.Mkdir(root, 0o755), os.Mkdir(out, 0o755), os.Chmod(out, 0o777)); err != nil {
		return "", remove, err
	}
	const engineDir, input, outDir, output = "/engine", "/component.wasm", "/out", "component.cwasm"
	args := append(e.program(engineDir), "compile", "-C", "cache=n")
	args = append(append(args, c.Flags...), input, "-o", path.Join(outDir, output))
	cmd, err := confine.Command(confine.Spec{
		Root: root, Args: args, Memory: c.Limits.Memory, FileSize: compileFileSize, CPUSeconds: uint64(c.Limits.CPU.Seconds()),
		Mounts: []confine.Mount{
			{Source: e.Dir, Target: engineDir, Directory: true},
			{Source: c.Component, Target: input},
			{Source: out, Target: outDir, Directory: true, Writable: true},
		},
	})
	if err != nil {
		return "", remove, err
	}
	if err := c.run(ctx, cmd, run); err != nil {
		return "", remove, err
	}
	code = filepath.Join(out, output)
	return code, remove, checkCode(code)
}

// checkCode returns an error for what is not a file: a component may have taken
// over the compiler, and a link that it makes would lead the shim, which is not
// confined, to files of the host, and a named pipe would keep it waiting. Nothing
// of the compiler lives that could change it later.
func checkCode(path string) error {
	info, err := os.Lstat(path)
	if err != nil {
		return fmt.Errorf("%w: the compiler made no code: %w", ErrCompile, err)
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%w: the compiler made no file of code, but %s", ErrCompile, info.Mode())
	}
	return nil
}

// run runs the compiler, and says of one that was stopped by what.
func (c Compilation) run(ctx context.Context, cmd *exec.Cmd, run Runner) error {
	message := &boundedBuffer{limit: maxMessage}
	cmd.Stdout, cmd.Stderr = message, message
	limited, cancel := context.WithTimeout(ctx, c.Limits.Wall)
	defer cancel()
	status, err := run(limited, cmd)
	const stopped = "%w: it was stopped because %s: a component that is meant to take that much is allowed to by the section [compile] of the shim's configuration"
	said := strings.TrimSpace(message.String())
	switch {
	case limited.Err() != nil && ctx.Err() == nil:
		return fmt.Errorf(stopped, ErrCompile, "it took more than "+c.Limits.Wall.String())
	case err != nil:
		return fmt.Errorf("run the compiler: %w", err)
	case status == 0:
		return nil
	case status == killedStatus:
		return fmt.Errorf(stopped, ErrCompile, "it took more than "+c.Limits.CPU.String()+" of processor time, or more memory than the host has")
	case strings.Contains(said, "memory allocation of") || strings.Contains(said, "Cannot allocate memory"):
		return fmt.Errorf(stopped, ErrCompile, fmt.Sprintf("it took more than %d MiB of memory", c.Limits.Memory>>20))
	case strings.Contains(said, "File too large"): // EFBIG
		return fmt.Errorf("%w: its code has more than %d GiB", ErrCompile, compileFileSize>>30)
	}
	return fmt.Errorf("%w: exit status %d: %s", ErrCompile, status, said)
}

// killedStatus is the exit status of a process that SIGKILL ended, as the
// kernel ends one that is over its limit of processor time.
const killedStatus = 128 + 9

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
