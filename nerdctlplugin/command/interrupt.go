package command

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/wasmfile/wasmfile/nerdctlplugin/advice"
)

// patience is how many signals a command takes to undo what it began. The next one ends
// it at once, as in docker.
const patience = 2

// interruptError is why the context of a command has ended: somebody sent a signal.
type interruptError struct{ signal syscall.Signal }

func (e interruptError) Error() string { return "interrupted" }

// Is has it match any other, and context.Canceled, in the place of which libraries
// return it.
func (e interruptError) Is(target error) bool {
	_, same := target.(interruptError)
	return same || target == context.Canceled
}

// interrupting are the signals that end a command. SIGPIPE does when nobody reads what it
// prints.
var interrupting = []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE}

// interruptible is a command's context until a signal ends it, so that what was begun is
// undone. Those that this process was started to ignore, as by nohup, do not. stop lets
// the signals go; it can be called again.
func interruptible(cmd *cobra.Command) (_ context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(cmd.Context())
	cmd.SetContext(ctx)
	signals, ended := make(chan os.Signal, patience), make(chan struct{})
	signal.Notify(signals, slices.DeleteFunc(slices.Clone(interrupting), signal.Ignored)...)
	go func() {
		defer close(ended)
		count := 0
		for received := range signals {
			number := received.(syscall.Signal)
			if number == syscall.SIGPIPE {
				if readerIsGone() { // else it is of a connection, whose error is seen
					cancel(interruptError{number})
				}
				continue
			}
			cancel(interruptError{number})
			if count++; count == patience {
				signal.Stop(signals)
			}
		}
		cancel(nil)
	}()
	return ctx, sync.OnceFunc(func() {
		signal.Stop(signals)
		close(signals)
		<-ended // for the last one to count
	})
}

// readerIsGone reports whether standard output or error is a pipe that nobody reads.
func readerIsGone() bool {
	fds := []unix.PollFd{{Fd: int32(os.Stdout.Fd())}, {Fd: int32(os.Stderr.Fd())}}
	_, err := unix.Poll(fds, 0)
	return err == nil && slices.ContainsFunc(fds, func(fd unix.PollFd) bool { return fd.Revents&unix.POLLERR != 0 })
}

// interruption is the signal that ended a command's context, nil for none.
func interruption(ctx context.Context) os.Signal {
	var interrupted interruptError
	if errors.As(context.Cause(ctx), &interrupted) {
		return interrupted.signal
	}
	return nil
}

// interrupted is what to say of a command that a signal ended: nothing of what was under
// way, each part of which fails in its own words, but what to do about it.
func interrupted(err error) string {
	var advised *advice.Error
	if errors.As(err, &advised) && errors.Is(advised, interruptError{}) {
		return err.Error()
	}
	return interruptError{}.Error()
}

// endBy ends this process by a signal, so that a shell that runs it in a loop ends too, or
// else returns the exit code that stands for that.
func endBy(received os.Signal) int {
	number := received.(syscall.Signal)
	if number != syscall.SIGPIPE { // which Go ignores unless it comes of a write
		signal.Reset(number)
		_ = syscall.Kill(os.Getpid(), number)
		time.Sleep(time.Second) // another thread may get it
	}
	return 128 + int(number)
}
