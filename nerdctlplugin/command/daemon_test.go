package command

import (
	"bytes"
	"net"
	"path/filepath"
	"strings"
	"testing"
)

// TestNoContainerd: given a containerd that is not there, one line of error says so once,
// and what to do; what needs none is done.
func TestNoContainerd(t *testing.T) {
	dir := t.TempDir()
	nowhere, stale := filepath.Join(dir, "nowhere"), filepath.Join(dir, "stale")
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: stale, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	listener.SetUnlinkOnClose(false)
	listener.Close()
	for _, line := range []string{"ps", "images", "inspect x", "run --rm x", "build -t x .", "precompile x", "cp x:/y ."} {
		for address, advice := range map[string]string{nowhere: "start it", stale: "see `systemctl status containerd`"} {
			var stdout, stderr bytes.Buffer
			args := append([]string{"--address", address, "--data-root", t.TempDir()}, strings.Fields(line)...)
			code := Execute("nerdctl wasm", args, &stdout, &stderr)
			said := stderr.String()
			if code != failure || strings.Count(said, "\n") != 1 || !strings.Contains(said, address) || !strings.Contains(said, advice) {
				t.Errorf("%s: exit code %d: %s", args, code, said)
			}
		}
	}
	var stdout, stderr bytes.Buffer
	if code := Execute("nerdctl wasm", []string{"--address", nowhere, "inspect", "./no.tar"}, &stdout, &stderr); code != failure || strings.Contains(stderr.String(), nowhere) {
		t.Errorf("a path that is not there: exit code %d: %s", code, stderr.String())
	}
}
