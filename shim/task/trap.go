package task

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"

	taskapi "github.com/containerd/containerd/api/runtime/task/v3"
	"github.com/containerd/fifo"
	"golang.org/x/sys/unix"

	"github.com/wasmfile/wasmfile/shim/policy"
)

const (
	// tailSize is how much of the end of a stream is looked at for what the
	// engine says of a trap. Backtraces of more frames than fit are cut by
	// the engine.
	tailSize = 16 << 10

	// endWait is how long the exit status may take to arrive after the end of
	// a stream, and the end of a stream, which a client may have stopped
	// reading, after the exit status.
	endWait = 2 * time.Second

	streamName = "guest-errors"
)

// trapReport stands between a command's standard error, or its terminal, and
// the client that reads it, and adds one line when the guest has trapped, or could
// not be started: what, where and why. The engine itself says so in a dozen lines.
type trapReport struct {
	// component is the name by which the line calls the guest.
	component string
	// network is what the guest may have of it.
	network policy.Network
	newline string

	// client is the path of the stream that the client made, own the one that
	// the engine writes to in its place.
	client, own string

	from   io.ReadCloser
	to     io.WriteCloser
	keep   io.Closer // the client's end, open, so that the client may come and go
	tail   []byte
	status chan uint32
	done   chan struct{}
}

// reportTraps changes a request so that its guest's traps are reported. It
// returns nil where the client does not read a named pipe, such as a logging
// program that runc starts: it gets what the engine says.
func reportTraps(ctx context.Context, r *taskapi.CreateTaskRequest, component string, network policy.Network) (_ *trapReport, err error) {
	stream, newline := &r.Stderr, "\n"
	if r.Terminal {
		stream, newline = &r.Stdout, "\r\n"
	}
	if ok, err := fifo.IsFifo(*stream); err != nil || !ok || r.Stdout == r.Stderr {
		return nil, nil //nolint:nilerr // Not a pipe, or not there: runc says best what is wrong.
	}
	t := &trapReport{component: component, network: network, newline: newline, client: *stream, own: filepath.Join(r.Bundle, streamName), status: make(chan uint32, 1), done: make(chan struct{})}
	defer func() {
		if err != nil {
			err = errors.Join(err, t.close())
		}
	}()
	// A client that does not read is waited for as long as it waits for the answer.
	if t.to, err = fifo.OpenFifo(ctx, *stream, unix.O_WRONLY, 0); err != nil {
		return t, fmt.Errorf("open the stream of errors: %w", err)
	}
	if t.keep, err = fifo.OpenFifo(ctx, *stream, unix.O_RDONLY, 0); err != nil {
		return t, fmt.Errorf("open the stream of errors: %w", err)
	}
	// The engine opens its end later.
	if t.from, err = fifo.OpenFifo(context.WithoutCancel(ctx), t.own, unix.O_RDONLY|unix.O_CREAT|unix.O_NONBLOCK, 0o600); err != nil {
		return t, fmt.Errorf("make a stream of errors: %w", err)
	}
	*stream = t.own
	go t.copy()
	return t, nil
}

// stream is what a client is told of a path: the stream that it made, which the
// next one attaches to. It may be called for nil.
func (t *trapReport) stream(path string) string {
	if t != nil && path == t.own {
		return t.client
	}
	return path
}

// copy passes the stream on until it ends.
func (t *trapReport) copy() {
	defer close(t.done)
	defer t.close() //nolint:errcheck // Nobody is left to be told.
	buffer := make([]byte, 32<<10)
	for {
		n, err := t.from.Read(buffer)
		if n > 0 {
			t.tail = append(t.tail, buffer[:n]...)
			t.tail = t.tail[max(0, len(t.tail)-tailSize):]
			_, _ = t.to.Write(buffer[:n]) // A client that is gone must not stop the guest.
		}
		if err != nil {
			break
		}
	}
	select {
	case status := <-t.status:
		if line := describeEnd(t.tail, t.component, t.network); status != 0 && line != "" {
			_, _ = io.WriteString(t.to, line+t.newline)
		}
	case <-time.After(endWait):
	}
}

func (t *trapReport) close() error {
	var errs []error
	for _, c := range []io.Closer{t.from, t.to, t.keep} {
		if c != nil {
			errs = append(errs, c.Close())
		}
	}
	return errors.Join(errs...)
}

// finish tells the status of the guest, and waits until the stream has ended
// in the client's pipe: a client closes its end as soon as it has heard of the
// status. It may be called often, and for nil.
func (t *trapReport) finish(status uint32) {
	if t == nil {
		return
	}
	select {
	case t.status <- status:
	default:
	}
	select {
	case <-t.done:
	case <-time.After(endWait):
	}
}

// release ends what is still passed on of a guest that is deleted, to a client that
// has stopped reading. It may be called for nil.
func (t *trapReport) release() {
	if t != nil {
		_ = t.close() // Which copy does, too.
	}
}

// abandon ends the report of a guest that could not be created, whose stream
// nobody may ever have opened. It may be called for nil.
func (t *trapReport) abandon() {
	if t == nil {
		return
	}
	_ = t.from.Close()
	t.finish(0)
}

var (
	trapFrame = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^\s*\d+:\s+(0x[0-9a-f]+) - (?:<unknown>!)?(.+?)\s*$`)
	})
	trapCause = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^\s*\d+: (?:wasm trap: )?(.+?)\s*$`) })
	numbered  = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^\d+: `) })
)

const (
	backtraceHeader = "error while executing at wasm backtrace:"
	failureHeader   = "Error: failed to run main module "
	causesHeader    = "\n\nCaused by:\n"
)

// describeEnd makes one line of what the engine says of a guest that trapped, or
// that it could not start. It is empty when the engine says nothing of either.
func describeEnd(said []byte, component string, network policy.Network) string {
	if line := describeTrap(said, component); line != "" {
		return line
	}
	return describeFailure(strings.ReplaceAll(string(said), "\r", ""), component, network)
}

// describeFailure makes one line of the causes for which the engine could not
// start a guest, until an empty line, but for the one that only names the file of
// the code. Where the guest was not given what it imports, the line says how to.
func describeFailure(said, component string, network policy.Network) string {
	begin := strings.LastIndex(said, failureHeader)
	if begin < 0 {
		return ""
	}
	_, report, ok := strings.Cut(said[begin:], causesHeader)
	if !ok {
		return ""
	}
	report, _, _ = strings.Cut(report, "\n\n")
	var causes []string
	for line := range strings.Lines(report) {
		line = numbered().ReplaceAllString(strings.TrimSpace(line), "")
		if !strings.HasPrefix(line, "failed to instantiate ") {
			causes = append(causes, line)
		}
	}
	if network < policy.NetworkHTTP && len(causes) > 0 && strings.Contains(causes[0], "imports instance `wasi:http/") {
		causes = append(causes, "it may make no requests: `--annotation "+policy.Prefix+"network=http` lets it, and `=allow` lets it use sockets too")
	}
	return fmt.Sprintf("wasmfile: component %s cannot be started: %s", component, strings.Join(causes, ": "))
}

// describeTrap makes one line of what the engine says of a trap: a backtrace,
// whose first frame is where, and the causes, until an empty line. It is empty
// when the engine says nothing of one.
func describeTrap(said []byte, component string) string {
	begin := bytes.LastIndex(said, []byte(backtraceHeader))
	if begin < 0 {
		return ""
	}
	_, report, _ := strings.Cut(string(said[begin:]), "\n")
	where, causes := "", []string(nil)
	for line := range strings.Lines(report) {
		if strings.TrimSpace(line) == "" {
			break
		}
		if frame := trapFrame().FindStringSubmatch(line); frame != nil {
			if where == "" {
				where = " in " + frame[2] + " at " + frame[1]
			}
		} else if cause := trapCause().FindStringSubmatch(line); cause != nil {
			causes = append(causes, cause[1])
		}
	}
	return fmt.Sprintf("wasmfile: component %s trapped%s: %s", component, where, strings.Join(causes, ": "))
}
