package transfer

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/containerd/containerd/v2/core/remotes/docker"
	remoteerrors "github.com/containerd/containerd/v2/core/remotes/errors"
	"github.com/containerd/errdefs"
	"github.com/containerd/nerdctl/v2/pkg/errutil"

	"github.com/wasmfile/wasmfile/nerdctlplugin/advice"
	"github.com/wasmfile/wasmfile/pkg/artifact"
)

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
	err = advice.OneLine(err)
	var certificate *tls.CertificateVerificationError
	switch {
	case errors.Is(err, artifact.ErrNoWasm):
		return advice.Add(err, "is it an ordinary image? `nerdctl run` runs those")
	case errdefs.IsNotFound(err):
		return advice.Add(err, "check the name and the tag")
	case status == http.StatusUnauthorized, status == http.StatusForbidden,
		errors.Is(err, docker.ErrInvalidAuthorization), strings.Contains(err.Error(), "insufficient_scope"):
		return advice.Add(fmt.Errorf("%s: %w", ref, err), "check the name, and log in with `nerdctl login %s`", host)
	case status == http.StatusTooManyRequests:
		return advice.Add(fmt.Errorf("%s: %w", ref, err), "%s limits how often it is asked: try again later, or log in with `nerdctl login %s`", host, host)
	case errutil.IsErrConnectionRefused(err) && isLocal(host):
		return advice.Add(fmt.Errorf("%s: %w", ref, err), "nothing listens there: start the registry, or correct the name")
	case errors.As(err, &certificate):
		return advice.Add(fmt.Errorf("%s: %w", ref, err), "put the certificate of its authority into %s/ca.crt of a --hosts-dir, or, in a network that you trust, use --insecure-registry", host)
	case isLocal(host) && (status == http.StatusBadRequest || errors.Is(err, io.EOF)):
		return advice.Add(fmt.Errorf("%s: %w", ref, err), "a registry of this machine is asked without HTTPS: if this one has it, write `server = \"https://%s\"` into %s/hosts.toml of a --hosts-dir", host, host)
	case isPlainHTTP(err):
		return advice.Add(fmt.Errorf("%s: %w", ref, err), "if %s is a registry without HTTPS in a network that you trust, use --insecure-registry", host)
	}
	return fmt.Errorf("%s: %w", ref, err)
}

// isLocal reports whether a registry is on this machine: it is asked without HTTPS, too.
func isLocal(host string) bool {
	local, err := docker.MatchLocalhost(host)
	return err == nil && local
}

// isPlainHTTP reports whether an error looks as if HTTPS was spoken to a
// server without it.
func isPlainHTTP(err error) bool {
	return errors.Is(err, http.ErrSchemeMismatch) || errutil.IsErrConnectionRefused(err) ||
		errutil.IsErrHTTPResponseToHTTPSClient(err) || errutil.IsErrTLSHandshakeFailure(err)
}
