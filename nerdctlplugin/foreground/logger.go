package foreground

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"syscall"
	"time"

	"github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2/process"
)

// loggerTimeout is how long a logging program may take to end after its
// input has.
const loggerTimeout = 10 * time.Second

// logger is containerd's logging program (binary:// of containerd's
// core/runtime/v2/logging) as a child of this process: in the foreground there
// is no shim to start it.
type logger struct {
	command        *exec.Cmd
	stdout, stderr *os.File
	ready          *os.File
}

// startLogger returns nil when there is no logging program.
func startLogger(uri, namespace, id string) (_ *logger, err error) {
	if uri == "" || uri == "none" {
		return nil, nil
	}
	parsed, err := url.Parse(uri)
	if err != nil {
		return nil, fmt.Errorf("the container's log URI: %w", err)
	}
	if parsed.Scheme != "binary" {
		return nil, nil
	}
	var opened []*os.File
	pipe := func() (r, w *os.File) {
		if err != nil {
			return nil, nil
		}
		if r, w, err = os.Pipe(); err == nil {
			opened = append(opened, r, w)
		}
		return r, w
	}
	stdoutReader, stdout := pipe()
	stderrReader, stderr := pipe()
	ready, readyWriter := pipe()
	command := process.NewBinaryCmd(parsed, id, namespace)
	// Ctrl-C is for the guest, which may have more to say.
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	command.ExtraFiles = []*os.File{stdoutReader, stderrReader, readyWriter}
	if err == nil {
		err = command.Start()
	}
	if err != nil {
		process.CloseFiles(opened...)
		return nil, fmt.Errorf("start the logging program %s: %w", command.Path, err)
	}
	// It writes a byte when it is ready. Nothing has to wait for that, as the
	// pipes hold what comes before, but the reading end has to be there.
	process.CloseFiles(stdoutReader, stderrReader, readyWriter)
	return &logger{command: command, stdout: stdout, stderr: stderr, ready: ready}, nil
}

// close ends the input of the logging program and waits for it. It does
// nothing on nil.
func (l *logger) close() error {
	if l == nil {
		return nil
	}
	closed := errors.Join(l.stdout.Close(), l.stderr.Close())
	kill := time.AfterFunc(loggerTimeout, func() { _ = l.command.Process.Kill() })
	err := l.command.Wait()
	kill.Stop()
	if err != nil {
		err = fmt.Errorf("logging program %s: %w", l.command.Path, err)
	}
	return errors.Join(closed, l.ready.Close(), err)
}
