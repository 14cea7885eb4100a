package e2e

import (
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestIdleServerIsSmall: given a served container that nobody asks for anything,
// it and its shim take 30 MB at most, and it answers afterwards.
func TestIdleServerIsSmall(t *testing.T) {
	const most = 30 << 10 // kB
	name, _, ask := serve(t, "")
	defer try(t, "nerdctl", "rm", "-f", name)
	guest := must(t, "nerdctl", "inspect", "--format", "{{.State.Pid}}", name)
	shim := procField(t, guest, "status", "PPid:")
	var size int
	eventually(t, 30*time.Second, "it takes "+strconv.Itoa(most)+" kB", func() bool {
		size = 0
		for _, pid := range []string{guest, shim} {
			kB, err := strconv.Atoi(procField(t, pid, "smaps_rollup", "Pss:"))
			if err != nil {
				t.Fatal(err)
			}
			size += kB
		}
		return size <= most
	})
	t.Logf("%d kB", size)
	if status, body := ask("/"); status != 200 || body != "1" {
		t.Errorf("it gives %d, %q", status, body)
	}
	stopsInTime(t, "nerdctl", "stop", name)
}

// procField is the word after a name in a file of a process in /proc.
func procField(t *testing.T, pid, file, name string) string {
	t.Helper()
	for line := range strings.SplitSeq(readFile(t, filepath.Join("/proc", pid, file)), "\n") {
		if rest, ok := strings.CutPrefix(line, name); ok && strings.TrimSpace(rest) != "" {
			return strings.Fields(rest)[0]
		}
	}
	t.Fatalf("/proc/%s/%s has no %s", pid, file, name)
	return ""
}
