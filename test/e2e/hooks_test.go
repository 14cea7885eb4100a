package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// hookNames are the OCI hooks that run on the host's files, in their order.
var hookNames = []string{"prestart", "createRuntime", "createContainer", "poststart", "poststop"}

// withHooks starts a containerd with a CDI device of each of hookNames, by
// which device plugins add hooks to a container, and of one that fails. The
// hooks append to the log what they are, in which mount namespace they run, and
// the container's state that they read.
func withHooks(t *testing.T) (crictl []string, log string) {
	t.Helper()
	dir := t.TempDir()
	log = filepath.Join(dir, "log")
	var hooks []object
	for _, name := range hookNames {
		script := fmt.Sprintf(`printf '%%s %%s %%s\n' %s "$(readlink /proc/self/ns/mnt)" "$(tr -d '\n')" >>%s`, name, log)
		hooks = append(hooks, object{"hookName": name, "path": "/bin/sh", "args": []string{"sh", "-c", script}, "env": []string{"PATH=" + os.Getenv("PATH")}})
	}
	fails := []object{{"hookName": "createRuntime", "path": "/bin/sh", "args": []string{"sh", "-c", "echo no such device >&2; exit 3"}}}
	cdi, err := json.Marshal(object{
		"cdiVersion": "0.6.0", "kind": "wasmfile.test/hooks",
		"devices": []object{
			{"name": "all", "containerEdits": object{"hooks": hooks}},
			{"name": "fails", "containerEdits": object{"hooks": fails}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "hooks.json"), cdi, 0o644); err != nil {
		t.Fatal(err)
	}
	const section = "[plugins.'io.containerd.cri.v1.runtime']\n"
	c := startContainerd(t, "", func(config string) string {
		return strings.Replace(config, section, section+"  cdi_spec_dirs = ['"+dir+"']\n", 1)
	})
	return c.crictl(), log
}

// TestHooks: given a device whose hooks are to run at each step of a
// container's life, they run for a guest when, where and with the state that
// they run with for a native program in the same pod.
func TestHooks(t *testing.T) {
	crictl, log := withHooks(t)
	ref := publishGuest(t, "sleep")
	must(t, append(crictl, "pull", ref)...)
	must(t, append(crictl, "pull", busybox())...)
	p := newPod(t, crictl...)
	device := []object{{"name": "wasmfile.test/hooks=all"}}
	// The host's own mount namespace is what createContainer is not in.
	host, err := os.Readlink("/proc/self/ns/mnt")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"prestart creating host", "createRuntime creating host", "createContainer creating container",
		"poststart created host", "poststop stopped host",
	}
	for name, more := range map[string]object{
		"guest":  {"args": []string{"sleep", "300"}},
		"native": {"command": []string{"sleep", "300"}},
	} {
		t.Run(name, func(t *testing.T) {
			image := map[string]string{"guest": ref, "native": busybox()}[name]
			more["CDI_devices"] = device
			id := p.start(name, image, more)
			pid := p.do("inspect", "-o", "go-template", "--template", "{{.info.pid}}", id)
			p.do("stop", "--timeout", "0", id)
			p.do("rm", id)
			var got []string
			eventually(t, 10*time.Second, "the last hook", func() bool {
				got = hooksRun(t, log, host, id, pid)
				return len(got) >= len(want)
			})
			if !slices.Equal(got, want) {
				t.Errorf("these hooks ran:\n%s\nnot:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
		})
	}
}

// hooksRun are the hooks of a container that have run, the status in the state
// that each was given, and in whose mount namespace it ran.
func hooksRun(t *testing.T, log, host, id, pid string) (run []string) {
	t.Helper()
	for line := range strings.Lines(readFile(t, log)) {
		words := strings.SplitN(line, " ", 3)
		var state struct {
			ID, Status, Bundle string
			Pid                int
		}
		if err := json.Unmarshal([]byte(words[2]), &state); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if state.ID != id {
			continue
		}
		where := "container"
		if words[1] == host {
			where = "host"
		}
		// Inside, the process has another number.
		knows := where == "container" || state.Status == "stopped" || fmt.Sprint(state.Pid) == pid
		if filepath.Base(state.Bundle) != id || !knows {
			t.Errorf("the process %s of the container has a hook that is given %s", pid, line)
		}
		run = append(run, words[0]+" "+state.Status+" "+where)
	}
	return run
}

// TestHookFails: given a hook that fails before the guest is there, the
// container does not start, and the error names it.
func TestHookFails(t *testing.T) {
	crictl, _ := withHooks(t)
	ref := publishGuest(t, "sleep")
	must(t, append(crictl, "pull", ref)...)
	p := newPod(t, crictl...)
	config := p.write("guest.json", object{
		"metadata": object{"name": "guest"}, "image": object{"image": ref}, "log_path": "guest.log", "linux": object{},
		"args": []string{"sleep", "300"}, "CDI_devices": []object{{"name": "wasmfile.test/hooks=fails"}},
	})
	id := p.do("create", "--no-pull", p.id, config, p.file)
	fails(t, []string{"hook", "no such device"}, append(crictl, "start", id)...)
	if left := traces(t, []string{id}); len(left) > 0 {
		t.Errorf("left is %s", strings.Join(left, "\n"))
	}
}
