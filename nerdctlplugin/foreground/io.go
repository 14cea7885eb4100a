// Package foreground connects a task to this process's standard streams until
// it ends, without losing a byte: standard input that ends early is closed as
// soon as there is a task, output is drained before the end, and a copy goes
// to the container's logging program.
package foreground

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/pkg/cio"
	"github.com/containerd/errdefs"
)

const (
	// drainTimeout is how long after the end of a task its output may take to
	// arrive while nothing at all arrives.
	drainTimeout = 10 * time.Second

	// closeTimeout bounds the request that closes a guest's standard input.
	closeTimeout = 10 * time.Second
)

// Options say what to connect.
type Options struct {
	// Namespace and LogURI are the container's, the latter from its nerdctl
	// label: empty or "none" for no logging program.
	Namespace, LogURI string
	// Stdin is nil for a guest without standard input.
	Stdin io.Reader
	// Stdout and Stderr are nil for a stream that only the log gets.
	Stdout, Stderr io.Writer
}

// IO is the connection of one task. Make it with New, give Creator to the
// container's NewTask, call Attach with the task, and Finish when it exited.
type IO struct {
	options Options
	stdin   *endReader
	stdout  *sink
	stderr  *sink
	logger  *logger
	done    chan struct{}
	once    sync.Once
}

// New returns an IO.
func New(o Options) *IO {
	f := &IO{options: o, stdout: newSink(o.Stdout), stderr: newSink(o.Stderr), done: make(chan struct{})}
	if o.Stdin != nil {
		f.stdin = &endReader{reader: o.Stdin, ended: make(chan struct{})}
	}
	return f
}

// Creator is a cio.Creator.
func (f *IO) Creator(id string) (cio.IO, error) {
	logger, err := startLogger(f.options.LogURI, f.options.Namespace, id)
	if err != nil {
		return nil, err
	}
	f.logger = logger
	stdout, stderr := io.Writer(f.stdout), io.Writer(f.stderr)
	if logger != nil {
		// The log first: a guest is not to see output that the log lacks.
		stdout = io.MultiWriter(newSink(logger.stdout), f.stdout)
		stderr = io.MultiWriter(newSink(logger.stderr), f.stderr)
	}
	var stdin io.Reader
	if f.stdin != nil {
		stdin = f.stdin
	}
	created, err := cio.NewCreator(cio.WithStreams(stdin, stdout, stderr))(id)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("connect to the container: %w", err), logger.close())
	}
	return created, nil
}

// Broken is closed when Stdout or Stderr takes no more, as a pipe to a program
// that ended.
func (f *IO) Broken() <-chan struct{} {
	broken := make(chan struct{})
	go func() {
		select {
		case <-f.stdout.broken:
		case <-f.stderr.broken:
		case <-f.done:
			return
		}
		close(broken)
	}()
	return broken
}

// Lost is why output of the guest could not be written, after Finish: nil when it was,
// or when its reader ended before.
func (f *IO) Lost() error {
	if err := errors.Join(f.stdout.failure(), f.stderr.failure()); err != nil {
		return fmt.Errorf("write the container's output: %w", err)
	}
	return nil
}

// Attach closes the guest's standard input when this process's has ended,
// which may have happened before there was a task: the shim holds the other
// end of the pipe open until it is told. What goes wrong is sent to report.
func (f *IO) Attach(ctx context.Context, task containerd.Task, report func(error)) {
	if f.stdin == nil {
		return
	}
	go func() {
		select {
		case <-f.stdin.ended:
		case <-f.done:
			return
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
		defer cancel()
		if err := task.CloseIO(ctx, containerd.WithStdinCloser); err != nil && !errdefs.IsNotFound(err) && !errdefs.IsFailedPrecondition(err) {
			report(fmt.Errorf("close the guest's standard input: %w", err))
		}
	}()
}

// Finish waits until all output has arrived, and ends the logging program. It
// is called when the task has exited; a nil task means that it never started.
func (f *IO) Finish(task containerd.Task) error {
	var err error
	if task != nil && task.IO() != nil {
		err = f.drain(task.IO())
	}
	f.once.Do(func() { close(f.done) })
	return errors.Join(err, f.logger.close())
}

// drain waits for the end of output. Something else in the container may hold
// the stream open, so it does not wait for ever while nothing comes.
func (f *IO) drain(streams cio.IO) error {
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		streams.Wait()
	}()
	seen := int64(-1)
	for {
		select {
		case <-drained:
			return nil
		case <-time.After(drainTimeout):
			if now := f.stdout.written.Load() + f.stderr.written.Load(); now != seen {
				seen = now
				continue
			}
			streams.Cancel()
			return fmt.Errorf("the container's output did not end within %s of its exit", drainTimeout)
		}
	}
}
