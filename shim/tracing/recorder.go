package tracing

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/containerd/log"
	"golang.org/x/sys/unix"
)

const (
	// maxWaiting is the most spans that wait to be exported; later ones are
	// lost.
	maxWaiting = 512

	// exportDelay is how long spans wait for others, as in OpenTelemetry's
	// batch processor.
	exportDelay = 5 * time.Second

	// exportWall is how long an export may take. The program gives up
	// earlier by itself.
	exportWall = 15 * time.Second

	// maxMessage is how much is read of what the program says.
	maxMessage = 4 << 10
)

// A Starter starts a command, and returns what waits for its end.
type Starter func(*exec.Cmd) (wait func() (status int, err error), err error)

// Recorder has spans exported. A nil *Recorder records nothing.
type Recorder struct {
	program string
	slots   string
	start   Starter
	log     *log.Entry

	mu        sync.Mutex
	waiting   []*Span
	lost      int
	timer     *time.Timer
	exporting bool
	closed    bool
}

// New returns a Recorder whose spans are exported by a program, of which a
// few at a time may run on this host: slots is a directory for their locks.
func New(program, slots string, start Starter, logger *log.Entry) *Recorder {
	return &Recorder{program: program, slots: slots, start: start, log: logger}
}

// Begin begins a span of its own, as a part of the caller's trace when the
// request in ctx says so.
func (r *Recorder) Begin(ctx context.Context, name string) (context.Context, *Span) {
	if r == nil {
		return ctx, nil
	}
	s := &Span{Name: name, Caller: caller(ctx), Start: time.Now(), recorder: r}
	return context.WithValue(ctx, spanKey{}, s), s
}

func (r *Recorder) add(s *Span) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed || len(r.waiting) >= maxWaiting {
		r.lost++
		return
	}
	r.waiting = append(r.waiting, s)
	r.arm()
}

// arm has what waits exported after a while.
func (r *Recorder) arm() {
	if len(r.waiting) > 0 && r.timer == nil && !r.exporting && !r.closed {
		r.timer = time.AfterFunc(exportDelay, r.export)
	}
}

// take returns what is to be exported now.
func (r *Recorder) take() []*Span {
	spans := r.waiting
	r.waiting = nil
	if r.lost > 0 {
		r.log.WithField("spans", r.lost).Warn("spans are lost, more came than were exported")
		r.lost = 0
	}
	if r.timer != nil {
		r.timer.Stop()
		r.timer = nil
	}
	return spans
}

func (r *Recorder) export() {
	r.mu.Lock()
	if r.closed || r.exporting {
		r.mu.Unlock()
		return
	}
	spans := r.take()
	r.exporting = true
	r.mu.Unlock()
	if err := r.exportNow(spans); err != nil {
		r.log.WithError(err).WithField("spans", len(spans)).Warn("cannot export spans")
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.exporting = false
	r.arm()
}

// exportNow waits for the export.
func (r *Recorder) exportNow(spans []*Span) error {
	said, err := unix.MemfdCreate("wasmfile-traces-said", unix.MFD_CLOEXEC)
	if err != nil {
		return err
	}
	output := os.NewFile(uintptr(said), "said")
	defer output.Close()
	cmd, wait, err := r.launch(spans, output)
	if err != nil {
		return err
	}
	kill := time.AfterFunc(exportWall, func() { _ = cmd.Process.Kill() })
	defer kill.Stop()
	status, err := wait()
	if err != nil || status == 0 {
		return err
	}
	message, _ := io.ReadAll(io.NewSectionReader(output, 0, maxMessage))
	return fmt.Errorf("%s ends with %d: %s", r.program, status, strings.TrimSpace(string(message)))
}

// launch starts the program with spans as its input, which is a file, so that
// it depends on nobody any more.
func (r *Recorder) launch(spans []*Span, output *os.File) (*exec.Cmd, func() (int, error), error) {
	slot, err := takeSlot(r.slots)
	if err != nil {
		return nil, nil, err
	}
	defer slot.Close() // The program holds it.
	encoded, err := json.Marshal(spans)
	if err != nil {
		return nil, nil, err
	}
	fd, err := unix.MemfdCreate("wasmfile-traces", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, nil, err
	}
	input := os.NewFile(uintptr(fd), "spans")
	defer input.Close()
	if _, err := io.Copy(input, bytes.NewReader(encoded)); err != nil {
		return nil, nil, err
	}
	if _, err := input.Seek(0, io.SeekStart); err != nil {
		return nil, nil, err
	}
	cmd := exec.Command(r.program)
	cmd.Dir = "/"
	cmd.Stdin, cmd.ExtraFiles = input, []*os.File{slot}
	if output != nil {
		cmd.Stderr = output
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	wait, err := r.start(cmd)
	return cmd, wait, err
}

// Close has what waits exported, and does not wait for it: the program goes
// on when the shim has ended.
func (r *Recorder) Close() error {
	if r == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil
	}
	spans := r.take()
	r.closed = true
	if len(spans) == 0 {
		return nil
	}
	_, _, err := r.launch(spans, nil)
	if err != nil {
		r.log.WithError(err).WithField("spans", len(spans)).Warn("cannot export spans")
	}
	return nil
}
