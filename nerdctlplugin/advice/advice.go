package advice

import (
	"context"
	"fmt"
	"strings"

	"github.com/containerd/log"
	"github.com/sirupsen/logrus"

	"github.com/wasmfile/wasmfile/pkg/printable"
)

// Error is an error with what its reader can do about it.
type Error struct {
	// Err is what happened.
	Err error
	// Advice is a sentence without capital and full stop.
	Advice string
}

// Error is what happened, and after a colon the advice.
func (e *Error) Error() string { return e.Err.Error() + ": " + e.Advice }

// Unwrap returns what happened.
func (e *Error) Unwrap() error { return e.Err }

// Add makes err an Error, which wraps it. The advice is formatted as by fmt.Sprintf.
func Add(err error, format string, args ...any) error {
	return &Error{Err: err, Advice: fmt.Sprintf(format, args...)}
}

// OneLine makes an error one that is shown on one line, of libraries that put those that
// they join or are sent on lines of their own.
func OneLine(err error) error { return oneLine{err} }

type oneLine struct{ error }

func (e oneLine) Error() string {
	return strings.ReplaceAll(strings.TrimSpace(e.error.Error()), "\n", ": ")
}

func (e oneLine) Unwrap() error { return e.error }

// Warn logs an error that does not end a command. It does nothing for nil.
func Warn(ctx context.Context, err error) {
	if err != nil {
		log.G(ctx).Warn(printable.Text(err.Error())) // on a terminal it is not quoted
	}
}

// Quieter returns a context with which libraries log nothing below a level, unless
// --debug is given.
func Quieter(ctx context.Context, level logrus.Level) context.Context {
	if log.GetLevel() >= log.DebugLevel {
		return ctx
	}
	logger := logrus.New()
	logger.SetLevel(level)
	return log.WithLogger(ctx, logrus.NewEntry(logger))
}
