package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// TestSystemCheck: given the sandbox's machine, system check finds everything;
// without a daemon it says so, and the exit code does.
func TestSystemCheck(t *testing.T) {
	var report struct {
		OK     bool
		Checks []struct{ Name, Status, Version, Detail, Fix string }
	}
	if err := json.Unmarshal([]byte(must(t, "nerdctl", "wasm", "system", "check", "--json")), &report); err != nil {
		t.Fatal(err)
	}
	found := make(map[string]bool)
	for _, c := range report.Checks {
		found[c.Name] = true
		// Not every machine has version 2 of cgroups.
		if c.Status != "ok" && c.Name != "cgroups" {
			t.Errorf("%+v", c)
		}
	}
	if !report.OK || !found["engine"] || !found["shim"] || !found["containerd"] || !found["buildkitd"] {
		t.Errorf("the report is %+v", report)
	}
	fails(t, []string{"missing", "containerd", "systemctl start containerd"}, "nerdctl", "--address", "/nowhere.sock", "wasm", "system", "check")
	fails(t, []string{"no nothing"}, "nerdctl", "--snapshotter", "nothing", "wasm", "system", "check")
	// What it says of the engine is what containerd has, not what this shell has.
	r := command{args: []string{"nerdctl", "wasm", "system", "check"}, env: []string{"WASMFILE_ENGINE=/nowhere", "PATH=" + filepath.Join("..", "..", "bin") + ":" + os.Getenv("PATH")}}.run(t)
	if r.code != 0 {
		t.Errorf("exit code %d: %s", r.code, r.all())
	}
	if out := must(t, "nerdctl", "wasm", "system", "info"); out == "" {
		t.Error("nerdctl's own system info says nothing")
	}
}
