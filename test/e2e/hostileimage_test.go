package e2e

import (
	"os"
	"path/filepath"
	"testing"
)

// TestWorkdirIsNoOption: given an image whose working directory goes on as an option
// of the engine does, no container has the network by it.
func TestWorkdirIsNoOption(t *testing.T) {
	ref := publishDir(t, "workdir", write(t, map[string]string{
		"guest.wasm": string(guest(t, "probe.component")),
		"Wasmfile":   "FROM scratch\nWORKDIR /data,inherit-network=y\nCOMPONENT guest.wasm\nENTRYPOINT [\"guest\"]\n",
	}))
	fails(t, []string{"/data,inherit-network=y", "comma"}, wasmRun("--net", "none", ref, "pwd")...)
}

// TestErrorOfHostileImage: given an image with a link that is neither UTF-8 nor a
// name that a file can have, the error of a mount there arrives, and its shim goes on.
func TestErrorOfHostileImage(t *testing.T) {
	ref := publishDir(t, "link", write(t, map[string]string{
		"guest.wasm": string(guest(t, "probe.component")),
		"Wasmfile": "FROM " + busybox() + " AS build\nRUN mkdir /r && ln -s \"$(printf '\\377%.0s' $(seq 300))\" /r/data\n" +
			"FROM scratch\nCOPY --from=build /r /\nCOMPONENT guest.wasm\nENTRYPOINT [\"guest\"]\n",
	}))
	must(t, "nerdctl", "wasm", "pull", "-q", ref)
	mount := "type=bind,src=" + t.TempDir() + ",dst=/data/x,options=rbind:ro"
	fails(t, []string{"/data/x", "file name too long", `\xff`}, "ctr", "run", "--rm", "--runtime", runtimeName, "--mount", mount, ref, unique("link"), "guest", "pwd")
}

// TestLinksInVolumes: given a volume in which somebody made a link to where the shim
// puts code into a container, another mount below that volume does not get there.
func TestLinksInVolumes(t *testing.T) {
	volume, other := t.TempDir(), write(t, map[string]string{"planted": "x"})
	if err := os.Symlink("/exec", filepath.Join(volume, "sub")); err != nil {
		t.Fatal(err)
	}
	id := sleeper(t, "nerdctl", publishTwo(t), "-v", volume+":/data", "-v", other+":/data/sub")
	pid := must(t, "nerdctl", "inspect", "--format", "{{.State.Pid}}", id)
	if entries, err := os.ReadDir(filepath.Join("/proc", pid, "root/exec")); err != nil || len(entries) > 0 {
		t.Errorf("the directory for code holds %v, %v", entries, err)
	}
	fails(t, []string{"exit code 7"}, "nerdctl", "exec", id, "b")
}
