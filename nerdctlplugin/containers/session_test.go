package containers

import (
	"errors"
	"strings"
	"testing"

	"github.com/wasmfile/wasmfile/nerdctlplugin/advice"
	"github.com/wasmfile/wasmfile/nerdctlplugin/daemon"
)

func TestAdviceOnMissingShim(t *testing.T) {
	if adviseTask(nil, "x") != nil {
		t.Error("an error where there was none")
	}
	for _, text := range []string{
		`failed to start shim: failed to resolve runtime path: runtime "io.containerd.wasmfile.v1" binary not installed "containerd-shim-wasmfile-v1": file does not exist`,
		`exec: "containerd-shim-wasmfile-v1": executable file not found in $PATH`,
	} {
		err := adviseTask(errors.New(text), daemon.DefaultRuntime)
		var told *advice.Error
		if !errors.As(err, &told) || !strings.Contains(told.Advice, "install containerd-shim-wasmfile-v1 ") {
			t.Errorf("%q becomes %v", text, err)
		}
	}
	var told *advice.Error
	if err := adviseTask(errors.New("containerd-shim-wasmfile-v1 is unhappy"), daemon.DefaultRuntime); errors.As(err, &told) {
		t.Errorf("advice for something else: %v", err)
	}
}
