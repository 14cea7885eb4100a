package action

import (
	"context"
	"errors"
	"fmt"
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
	if adviseRegistry(nil, "x", "y") != nil || adviseTask(nil, "x") != nil {
		t.Error("an error where there was none")
	}
}

func TestAdviceOnMissingShim(t *testing.T) {
	for _, text := range []string{
		`failed to start shim: failed to resolve runtime path: runtime "io.containerd.wasmfile.v1" binary not installed "containerd-shim-wasmfile-v1": file does not exist`,
		`exec: "containerd-shim-wasmfile-v1": executable file not found in $PATH`,
	} {
		err := adviseTask(errors.New(text), DefaultRuntime)
		var advice *AdviceError
		if !errors.As(err, &advice) || !strings.Contains(advice.Advice, "install containerd-shim-wasmfile-v1 ") {
			t.Errorf("%q becomes %v", text, err)
		}
	}
	var advice *AdviceError
	if err := adviseTask(errors.New("containerd-shim-wasmfile-v1 is unhappy"), DefaultRuntime); errors.As(err, &advice) {
		t.Errorf("advice for something else: %v", err)
	}
}
