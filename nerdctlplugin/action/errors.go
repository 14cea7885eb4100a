// Package action is what the plugin's commands do, without their flags.
package action

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"sync"

	"github.com/containerd/containerd/v2/core/remotes/docker"
	remoteerrors "github.com/containerd/containerd/v2/core/remotes/errors"
	"github.com/containerd/errdefs"
	"github.com/containerd/nerdctl/v2/pkg/errutil"

	"github.com/wasmfile/wasmfile/pkg/artifact"
)

// AdviceError is an error with what its reader can do about it.
type AdviceError struct {
	// Err is what happened.
	Err error
	// Advice is a sentence without capital and full stop.
	Advice string
}

func (e *AdviceError) Error() string { return e.Err.Error() + ": " + e.Advice }

func (e *AdviceError) Unwrap() error { return e.Err }

func advise(err error, format string, args ...any) error {
	return &AdviceError{Err: err, Advice: fmt.Sprintf(format, args...)}
}

// adviseRegistry tells what to do about an error of a registry. ref is what
// the user asked for, host its registry.
func adviseRegistry(err error, ref, host string) error {
	if err == nil || errors.Is(err, context.Canceled) {
		return err
	}
	var unexpected remoteerrors.ErrUnexpectedStatus
	status := 0
	if errors.As(err, &unexpected) {
		status = unexpected.StatusCode
	}
	switch {
	case errors.Is(err, artifact.ErrNoWasm):
		return advise(err, "is it an ordinary image? `nerdctl run` runs those")
	case errdefs.IsNotFound(err):
		return advise(err, "check the name and the tag")
	case status == http.StatusUnauthorized, status == http.StatusForbidden,
		errors.Is(err, docker.ErrInvalidAuthorization), strings.Contains(err.Error(), "insufficient_scope"):
		return advise(fmt.Errorf("%s: %w", ref, err), "check the name, and log in with `nerdctl login %s`", host)
	case status == http.StatusTooManyRequests:
		return advise(fmt.Errorf("%s: %w", ref, err), "%s limits how often it is asked: try again later, or log in with `nerdctl login %s`", host, host)
	case isPlainHTTP(err):
		return advise(fmt.Errorf("%s: %w", ref, err), "if %s is a registry without HTTPS in a network that you trust, use --insecure-registry", host)
	}
	return fmt.Errorf("%s: %w", ref, err)
}

// isPlainHTTP reports whether an error looks as if HTTPS was spoken to a
// server without it.
func isPlainHTTP(err error) bool {
	return errors.Is(err, http.ErrSchemeMismatch) || errutil.IsErrConnectionRefused(err) ||
		errutil.IsErrHTTPResponseToHTTPSClient(err) || errutil.IsErrTLSHandshakeFailure(err)
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
		return advise(fmt.Errorf("containerd has no runtime %s: %w", runtime, err),
			"install %s into a directory of the PATH that the containerd daemon has, for example /usr/local/bin", m[1])
	}
	return fmt.Errorf("start the container: %w", err)
}
