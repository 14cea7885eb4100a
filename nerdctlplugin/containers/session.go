package containers

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/containerd/console"
	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/runtime/restart"
	"github.com/containerd/errdefs"
	"github.com/containerd/log"
	"github.com/containerd/nerdctl/v2/pkg/cmd/container"
	"github.com/containerd/nerdctl/v2/pkg/consoleutil"
	"github.com/containerd/nerdctl/v2/pkg/containerutil"
	"github.com/containerd/nerdctl/v2/pkg/errutil"
	"github.com/containerd/nerdctl/v2/pkg/labels"
	"github.com/containerd/nerdctl/v2/pkg/taskutil"
	"github.com/sirupsen/logrus"
	"golang.org/x/term"

	"github.com/wasmfile/wasmfile/nerdctlplugin/advice"
	"github.com/wasmfile/wasmfile/nerdctlplugin/daemon"
	"github.com/wasmfile/wasmfile/nerdctlplugin/foreground"
)

// forwarded are the signals that a foreground container gets, but for those that this
// process was started to ignore.
var forwarded = []os.Signal{
	syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM, syscall.SIGUSR1, syscall.SIGUSR2,
}

// session is one container from its creation until this process has no more
// to do with it.
type session struct {
	client    *containerd.Client
	container containerd.Container
	options   RunOptions
	labels    map[string]string
	started   bool
	detached  bool
}

// makeTime is how long the task of an interrupted run is waited for.
const makeTime = time.Second

func (s *session) run(ctx context.Context) (err error) {
	defer outliveReaders()()
	undo := context.WithoutCancel(ctx)
	defer func() {
		var exit errutil.ExitCodeError
		if err != nil && !errors.As(err, &exit) {
			advice.Warn(undo, containerutil.UpdateErrorLabel(undo, s.container, err))
		}
		interrupted := ctx.Err() != nil && !s.started
		if s.options.Create.Rm && !s.detached || interrupted {
			advice.Warn(undo, s.remove(undo))
		}
	}()
	if s.labels, err = s.container.Labels(undo); err != nil {
		return fmt.Errorf("read the container's labels: %w", err)
	}
	switch {
	case s.options.Create.Detach:
		return s.background(ctx)
	case s.options.Create.TTY:
		return s.terminal(ctx)
	}
	return s.attached(ctx)
}

// remove removes the container.
func (s *session) remove(ctx context.Context) error {
	// nerdctl warns about systemd timers of health checks, which these
	// containers do not have. What fails is returned as an error.
	removing := advice.Quieter(ctx, logrus.ErrorLevel)
	if err := container.RemoveContainer(removing, s.container, s.options.Create.GOptions, true, true, s.client); err != nil {
		return fmt.Errorf("remove the container %s: %w", s.container.ID(), err)
	}
	return nil
}

// unhurried is a context that ends a while after ctx, unless done is called before: a task
// is soon made, and then it can be removed. If nobody waited for it, runc and its hooks
// would go on beside what removes it. What takes longer is a component that is compiled,
// before there is runc.
func unhurried(ctx context.Context) (later context.Context, done func()) {
	later, end := context.WithCancelCause(context.WithoutCancel(ctx))
	made := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		select {
		case <-time.After(makeTime):
			end(context.Cause(ctx))
		case <-made:
		}
	})
	return later, func() { // It does not end: the task's streams were opened with it.
		stop()
		close(made)
	}
}

// background starts the container and leaves it alone.
func (s *session) background(ctx context.Context) error {
	making, done := unhurried(ctx)
	defer done()
	task, err := taskutil.NewTask(making, s.client, s.container, taskutil.TaskOptions{
		IsTerminal: s.options.Create.TTY,
		IsDetach:   true,
		LogURI:     s.labels[labels.LogURI],
		Namespace:  s.options.Create.GOptions.Namespace,
	})
	if err != nil {
		return adviseTask(err, s.options.Create.Runtime)
	}
	if err := s.start(ctx, task); err != nil {
		return err
	}
	s.options.Ready()
	_, err = fmt.Fprintln(s.options.Stdout, s.container.ID())
	return err
}

// attached connects the container to this process's standard streams.
func (s *session) attached(ctx context.Context) (err error) {
	streams := foreground.New(s.streams())
	making, done := unhurried(ctx)
	defer done()
	task, err := s.container.NewTask(making, streams.Creator)
	if err != nil {
		advice.Warn(ctx, streams.Finish(nil))
		return adviseTask(err, s.options.Create.Runtime)
	}
	streams.Attach(ctx, task, func(err error) { log.G(ctx).Debug(err) })
	exited, err := s.begin(ctx, task)
	if err != nil {
		advice.Warn(ctx, streams.Finish(nil))
		return err
	}
	stop := s.takeSignals(ctx, task)
	defer stop()
	ctx = context.WithoutCancel(ctx)
	var status containerd.ExitStatus
	select {
	case status = <-exited:
	case <-streams.Broken():
		// As a native process, the guest ends when nobody reads its output.
		if err := task.Kill(ctx, syscall.SIGKILL); err != nil && !errdefs.IsNotFound(err) {
			advice.Warn(ctx, fmt.Errorf("end the container: %w", err))
		}
		status = <-exited
	}
	advice.Warn(ctx, streams.Finish(task))
	ended := s.end(ctx, task, status)
	if lost := streams.Lost(); lost != nil {
		return lost
	}
	return ended
}

// streams chooses what to attach: with -a only what it names.
func (s *session) streams() foreground.Options {
	o := foreground.Options{Namespace: s.options.Create.GOptions.Namespace, LogURI: s.labels[labels.LogURI]}
	wanted := func(stream string) bool {
		return len(s.options.Create.Attach) == 0 || slices.Contains(s.options.Create.Attach, stream)
	}
	if s.options.Create.Interactive && wanted("STDIN") || slices.Contains(s.options.Create.Attach, "STDIN") {
		o.Stdin = s.options.Stdin
	}
	if wanted("STDOUT") {
		o.Stdout = s.options.Stdout
	}
	if wanted("STDERR") {
		o.Stderr = s.options.Stderr
	}
	return o
}

// terminal connects the container to this process's terminal.
func (s *session) terminal(ctx context.Context) error {
	con, err := consoleutil.Current()
	if err != nil {
		return advice.Add(fmt.Errorf("-t needs a terminal: %w", err), "leave out -t, or use -d")
	}
	defer func() { advice.Warn(ctx, con.Reset()) }()
	if _, err := term.MakeRaw(int(con.Fd())); err != nil {
		return fmt.Errorf("make the terminal raw: %w", err)
	}
	detached := make(chan struct{})
	keys := &signalKeys{Console: con, ctx: context.WithoutCancel(ctx)}
	task, err := s.terminalTask(ctx, keys, detached)
	if err != nil {
		return adviseTask(err, s.options.Create.Runtime)
	}
	exited, err := s.begin(ctx, task)
	if err != nil {
		return err
	}
	if daemon.IsOwnRuntime(s.options.Create.Runtime) {
		keys.deliverTo(task)
	} else {
		keys.leave()
	}
	return s.watch(ctx, task, con, exited, detached)
}

// watch stays with a task on a terminal until it has exited or is detached from.
func (s *session) watch(ctx context.Context, task containerd.Task, con console.Console, exited <-chan containerd.ExitStatus, detached <-chan struct{}) error {
	stop := s.takeSignals(ctx, task)
	defer stop()
	ctx = context.WithoutCancel(ctx)
	if err := consoleutil.HandleConsoleResize(ctx, task, con); err != nil {
		advice.Warn(ctx, fmt.Errorf("size of the terminal: %w", err))
	}
	select {
	case <-detached:
		s.detached = true
		task.IO().Wait()
		return nil
	case status := <-exited:
		task.IO().Wait()
		return s.end(ctx, task, status)
	}
}

func (s *session) terminalTask(ctx context.Context, con console.Console, detached chan<- struct{}) (containerd.Task, error) {
	making, done := unhurried(ctx)
	defer done()
	return taskutil.NewTask(making, s.client, s.container, taskutil.TaskOptions{
		AttachStreamOpt: s.options.Create.Attach,
		IsInteractive:   s.options.Create.Interactive,
		IsTerminal:      true,
		Con:             con,
		LogURI:          s.labels[labels.LogURI],
		DetachKeys:      s.options.Create.DetachKeys,
		Namespace:       s.options.Create.GOptions.Namespace,
		DetachC:         detached,
	})
}

// begin starts a task and returns where its exit status will be. A task that does not
// start is deleted.
func (s *session) begin(ctx context.Context, task containerd.Task) (<-chan containerd.ExitStatus, error) {
	// The channel outlives the first signal, which belongs to the guest.
	exited, err := task.Wait(context.WithoutCancel(ctx))
	if err != nil {
		return nil, fmt.Errorf("wait for the container: %w", err)
	}
	if err := s.start(ctx, task); err != nil {
		_, deleteErr := task.Delete(context.WithoutCancel(ctx), containerd.WithProcessKill)
		advice.Warn(ctx, deleteErr)
		return nil, err
	}
	return exited, nil
}

// start starts a task and tells nerdctl that its container is meant to run.
func (s *session) start(ctx context.Context, task containerd.Task) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	ctx = context.WithoutCancel(ctx)
	if err := task.Start(ctx); err != nil {
		return adviseTask(err, s.options.Create.Runtime)
	}
	// It runs, and a signal that has come since is its own.
	s.started = true
	if _, restarts := s.labels[restart.PolicyLabel]; restarts {
		if err := containerutil.UpdateStatusLabel(ctx, s.container, containerd.Running); err != nil {
			return fmt.Errorf("label the container: %w", err)
		}
	}
	if err := containerutil.UpdateExplicitlyStoppedLabel(ctx, s.container, false); err != nil {
		return fmt.Errorf("label the container: %w", err)
	}
	advice.Warn(ctx, scheduleHealthCheck(ctx, s.container, s.options.Create)) // it runs
	return nil
}

// outliveReaders has writes to a standard stream that nobody reads fail, until stop is
// called. They would end this process, and leave a container that prints at once behind.
func outliveReaders() (stop func()) {
	signals := make(chan os.Signal, 1) // which nobody receives
	signal.Notify(signals, syscall.SIGPIPE)
	return func() { signal.Stop(signals) }
}

// takeSignals sends signals on to the guest, and only then lets go of the ones
// that interrupted the setup.
func (s *session) takeSignals(ctx context.Context, task containerd.Task) (stop func()) {
	signals := make(chan os.Signal, 16)
	if s.options.Create.SigProxy {
		signal.Notify(signals, slices.DeleteFunc(slices.Clone(forwarded), signal.Ignored)...)
	}
	if received := s.options.Ready(); received != nil {
		signals <- received
	}
	ctx = context.WithoutCancel(ctx)
	go func() {
		for received := range signals {
			number, ok := received.(syscall.Signal)
			if !ok {
				continue
			}
			if err := task.Kill(ctx, number); err != nil && !errdefs.IsNotFound(err) {
				advice.Warn(ctx, fmt.Errorf("send %s to the container: %w", number, err))
			}
		}
	}()
	return func() {
		signal.Stop(signals)
		close(signals)
	}
}

// end turns the exit status into this process's.
func (s *session) end(ctx context.Context, task containerd.Task, status containerd.ExitStatus) error {
	if s.options.Create.Rm {
		if _, err := task.Delete(ctx); err != nil && !errdefs.IsNotFound(err) {
			advice.Warn(ctx, fmt.Errorf("delete the task: %w", err))
		}
	} else if streams := task.IO(); streams != nil {
		advice.Warn(ctx, streams.Close())
	}
	code, _, err := status.Result()
	if err != nil {
		return fmt.Errorf("the container's exit status: %w", err)
	}
	if code != 0 {
		return errutil.NewExitCoderErr(int(code))
	}
	return nil
}

// shimMissing finds the name of the shim in containerd's message that it is
// not there.
var shimMissing = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`"?(containerd-shim-[\w.-]+)"?[^\n]*(?:not found|no such file|file does not exist)`)
})

// adviseTask tells what to do about an error of creating or starting a task.
func adviseTask(err error, runtime string) error {
	if err == nil {
		return nil
	}
	if m := shimMissing().FindStringSubmatch(err.Error()); m != nil {
		return advice.Add(fmt.Errorf("containerd has no runtime %s: %w", runtime, err),
			"install %s into a directory of the PATH that the containerd daemon has, for example /usr/local/bin", m[1])
	}
	return fmt.Errorf("start the container: %w", err)
}
