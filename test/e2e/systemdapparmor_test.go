package e2e

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// denies is a profile of AppArmor's that lets an engine run, and denies it a file of
// the guest's, which the container has below /guest.
const denies = `profile NAME flags=(attach_disconnected, mediate_deleted) {
  file,
  network,
  signal,
  deny /guest/data/secret rwl,
}
`

// systemdAppArmor: given a kernel with AppArmor, a guest's engine has the profile
// that a native container would have, or the one that is asked for, which holds for
// the guest's files and for what is executed later.
func systemdAppArmor(t *testing.T) {
	ref, profile := publishTwo(t), loadProfile(t)
	data := write(t, map[string]string{"secret": "s3cret", "public": "hello"})
	must(t, "nerdctl", "apparmor", "load")
	for tool, byDefault := range map[string]string{"docker": "docker-default", "nerdctl": "nerdctl-default"} {
		t.Run(tool, func(t *testing.T) {
			for asked, want := range map[string]string{
				"": byDefault + " (enforce)", "unconfined": "unconfined", profile: profile + " (enforce)",
			} {
				flags := []string{"-v", data + ":/data:ro"}
				if asked != "" {
					flags = append(flags, "--security-opt", "apparmor="+asked)
				}
				id := sleeper(t, tool, ref, flags...)
				confined(t, must(t, tool, "inspect", "--format", "{{.State.Pid}}", id), want)
				reads(t, asked != profile, tool, "exec", id, "a")
			}
			// The guest that is started, as the one that is executed.
			run := []string{"nerdctl", "wasm", "run", "--rm", "-q", "--net", "none"}
			if tool == "docker" {
				run = []string{"docker", "run", "--rm", "--runtime", runtimeName, "--platform", platform(ref)}
			}
			run = append(run, "-v", data+":/data:ro")
			reads(t, true, append(run, ref)...)
			reads(t, false, append(run, "--security-opt", "apparmor="+profile, ref)...)
			fails(t, []string{"unable to apply apparmor profile"}, append(run, "--security-opt", "apparmor=no-such-profile", ref, "echo", "x")...)
		})
	}
	t.Run("the compiler", func(t *testing.T) { compilerProfile(t, profile) })
	t.Run("crictl", func(t *testing.T) {
		must(t, "crictl", "pull", ref)
		p := newPod(t)
		for name, c := range map[string]struct {
			asked object
			want  string
		}{
			"default": {object{"profile_type": 0}, "cri-containerd.apparmor.d (enforce)"},
			"own":     {object{"profile_type": 2, "localhost_ref": profile}, profile + " (enforce)"},
		} {
			id := p.start(name, ref, object{
				"args":   []string{"sleep", "300"},
				"mounts": []object{{"host_path": data, "container_path": "/data", "readonly": true}},
				"linux":  object{"security_context": object{"apparmor": c.asked}},
			})
			confined(t, p.do("inspect", "-o", "go-template", "--template", "{{.info.pid}}", id), c.want)
			reads(t, name == "default", "crictl", "exec", id, "a")
		}
	})
}

// loadProfile has the kernel know a profile that denies, under a name of the test's.
func loadProfile(t *testing.T) (name string) {
	t.Helper()
	name = unique("wasmfile-test")
	path := filepath.Join(write(t, map[string]string{"profile": strings.ReplaceAll(denies, "NAME", name)}), "profile")
	must(t, "apparmor_parser", "--add", path)
	t.Cleanup(func() {
		if out, err := untimed("apparmor_parser", "--remove", path); err != nil {
			t.Errorf("remove the profile: %v: %s", err, out)
		}
	})
	return name
}

// compilerProfile: given a container with a profile, its component is compiled outside
// of the container, and so with the profile that containerd has: none.
func compilerProfile(t *testing.T, profile string) {
	ref, namespace, wasm, _ := pulled(t, neverSeen(manyFunctions(1000, 300)))
	defer removeNamespace(t, namespace)
	args := wasm("run", "--rm", "-q", "--net", "none", "--security-opt", "apparmor="+profile, ref)
	run := exec.CommandContext(t.Context(), args[0], args[1:]...)
	if err := run.Start(); err != nil {
		t.Fatal(err)
	}
	var pid string
	eventually(t, 20*time.Second, "a compiler", func() bool {
		pid = try(t, "pgrep", "--newest", "--full", "/wasmtime compile .* /component.wasm").stdout
		return pid != ""
	})
	confined(t, strings.TrimSpace(pid), "unconfined")
	if err := run.Wait(); err != nil {
		t.Errorf("run: %v", err)
	}
}

// confined fails the test when a process has another profile than is wanted.
func confined(t *testing.T, pid, want string) {
	t.Helper()
	got := strings.TrimSpace(readFile(t, "/proc/"+pid+"/attr/apparmor/current"))
	if got != want {
		t.Errorf("its profile is %q, not %q", got, want)
	}
}

// reads fails the test unless a guest, started by a command line, can read both of
// its files, or only the public one.
func reads(t *testing.T, both bool, guest ...string) {
	t.Helper()
	guest = guest[:len(guest):len(guest)]
	if out := must(t, append(guest, "read", "/data/public")...); out != "hello" {
		t.Errorf("it reads %q", out)
	}
	if r := try(t, append(guest, "read", "/data/secret")...); both != (r.code == 0 && r.stdout == "s3cret") || !both && r.stdout != "" {
		t.Errorf("%q: exit code %d, %s", guest, r.code, r.all())
	}
}
