package transfer

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	remoteerrors "github.com/containerd/containerd/v2/core/remotes/errors"
	"github.com/containerd/errdefs"

	"github.com/wasmfile/wasmfile/pkg/artifact"
)

func TestAdviceOnRegistryErrors(t *testing.T) {
	cases := map[string]struct {
		err  error
		says string
	}{
		"not there":       {fmt.Errorf("resolve: %w", errdefs.ErrNotFound), "check the name and the tag"},
		"not allowed":     {fmt.Errorf("push: %w", remoteerrors.ErrUnexpectedStatus{StatusCode: http.StatusForbidden}), "nerdctl login registry.example"},
		"no HTTPS":        {fmt.Errorf("get: %w", http.ErrSchemeMismatch), "--insecure-registry"},
		"nobody there":    {errors.New("dial tcp 192.0.2.1:443: connect: connection refused"), "--insecure-registry"},
		"not Wasm":        {&artifact.UnknownLayersError{MediaTypes: []string{"application/x"}}, "nerdctl run"},
		"not trusted":     {fmt.Errorf("get: %w", &tls.CertificateVerificationError{Err: errors.New("unknown authority")}), "registry.example/ca.crt of a --hosts-dir"},
		"several lines":   {errors.New("403 Forbidden\nunknown: no\n"), "registry.example/x: 403 Forbidden: unknown: no"},
		"something else":  {errors.New("the registry is on fire"), "registry.example/x: the registry is on fire"},
		"the user's wish": {context.Canceled, "canceled"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			err := adviseRegistry(c.err, "registry.example/x", "registry.example")
			if !errors.Is(err, c.err) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v becomes %v, which has to say %q", c.err, err, c.says)
			}
		})
	}
	refused := errors.New("dial tcp 127.0.0.1:5000: connect: connection refused")
	if err := adviseRegistry(refused, "localhost:5000/x", "localhost:5000"); !strings.Contains(err.Error(), "start the registry") {
		t.Errorf("a registry on this machine that does not run gives %v", err)
	}
	spoken := fmt.Errorf("head: %w", io.EOF)
	if err := adviseRegistry(spoken, "localhost:5000/x", "localhost:5000"); !strings.Contains(err.Error(), `server = "https://localhost:5000"`) {
		t.Errorf("a registry on this machine that has HTTPS gives %v", err)
	}
	if adviseRegistry(nil, "x", "y") != nil {
		t.Error("an error where there was none")
	}
}
