package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestGuestSeesExactly: given layers, volumes and a tmpfs, a guest that walks
// its root finds what it was given, and nothing else.
func TestGuestSeesExactly(t *testing.T) {
	volume, readonly := t.TempDir(), t.TempDir()
	for path, content := range map[string]string{filepath.Join(volume, "v"): "volume", filepath.Join(readonly, "r"): "read-only"} {
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	ref := publishDir(t, "sees", write(t, map[string]string{
		"guest.wasm": string(guest(t, "probe.component")),
		"motd":       "hello",
		"Wasmfile": "FROM " + busybox() + " AS build\nRUN mkdir -p /r/srv /r/var /r/run && ln -s /run /r/var/run\n" +
			"FROM scratch\nCOPY motd /srv/motd\nCOPY --from=build /r /\nCOMPONENT guest.wasm\nENTRYPOINT [\"guest\"]\n",
	}))
	must(t, "nerdctl", "wasm", "pull", "-q", ref)
	flags := []string{
		"--net", "none", "-v", volume + ":/data", "-v", readonly + ":/fixed:ro", "--tmpfs", "/scratch",
		"-v", readonly + "/r:/etc/one-file:ro", "-v", readonly + ":/var/run/linked:ro",
	}
	run := func(args ...string) result {
		return try(t, slices.Concat([]string{"nerdctl", "wasm", "run", "--rm", "-q"}, flags, []string{ref}, args)...)
	}
	want := []string{
		"/", "/data", "/data/v", "/etc", "/etc/one-file", "/fixed", "/fixed/r", "/run", "/run/linked", "/run/linked/r",
		"/scratch", "/srv", "/srv/motd", "/var", "/var/run",
	}
	got := strings.Fields(run("walk", "/").stdout)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("the guest sees %q, not %q", got, want)
	}
	for _, c := range []struct {
		args   []string
		stdout string
		fails  bool
	}{
		{[]string{"read", "/var/run/linked/r"}, "read-only", false}, // through an absolute link
		{[]string{"read", "/data/v"}, "volume", false},
		{[]string{"write", "/data/new", "x"}, "", false},
		{[]string{"write", "/scratch/new", "x"}, "", false},
		{[]string{"write", "/srv/new", "x"}, "", false},
		{[]string{"write", "/fixed/new", "x"}, "", true},
		{[]string{"write", "/etc/one-file", "x"}, "", true},
		{[]string{"write", "/var/run/linked/new", "x"}, "", true},
		{[]string{"read", "/../../../etc/passwd"}, "", true},
		{[]string{"read", "/engine/wasmtime"}, "", true},
		{[]string{"read", "/proc/self/status"}, "", true},
	} {
		if r := run(c.args...); r.stdout != c.stdout || c.fails == (r.code == 0) {
			t.Errorf("%q: exit code %d, %q", c.args, r.code, r.all())
		}
	}
	flags = append(flags, "--read-only")
	for path, wantFailure := range map[string]bool{"/srv/new": true, "/data/more": false, "/scratch/new": false} {
		if r := run("write", path, "x"); wantFailure == (r.code == 0) {
			t.Errorf("with a read-only root, writing %s: exit code %d, %s", path, r.code, r.all())
		}
	}
}

// TestResolverFiles: given the network or not, a guest sees the files of a
// resolver or not.
func TestResolverFiles(t *testing.T) {
	ref := probe(t, "component")
	for _, client := range []struct {
		name string
		pull []string
		run  []string
	}{
		{"nerdctl wasm", []string{"nerdctl", "wasm", "pull", "-q", ref}, []string{"nerdctl", "wasm", "run", "--rm", "-q"}},
		{"docker", []string{"docker", "pull", "-q", "--platform", platform(ref), ref}, []string{"docker", "run", "--rm", "--runtime", runtimeName, "--platform", platform(ref)}},
	} {
		must(t, client.pull...)
		for _, file := range []string{"/etc/hosts", "/etc/resolv.conf"} {
			// Docker makes empty files in every container's root.
			if r := try(t, append(client.run, ref, "read", file)...); r.stdout != "" || r.code == 0 && client.name != "docker" {
				t.Errorf("%s: without network, %s is %q, exit code %d", client.name, file, r.stdout, r.code)
			}
			out := must(t, append(append(client.run, annotated("network=allow")...), ref, "read", file)...)
			if file == "/etc/hosts" && !strings.Contains(out, "localhost") {
				t.Errorf("%s: %s is %q", client.name, file, out)
			}
			fails(t, []string{file}, append(append(client.run, annotated("network=allow")...), ref, "write", file, "x")...)
		}
	}
}

// TestPrivileges: given a container with a user, its process has that user, no
// capability, no way to get one, and a seccomp filter.
func TestPrivileges(t *testing.T) {
	for _, c := range daemons {
		t.Run(c.tool, func(t *testing.T) {
			ref, name := probe(t, "component"), unique("privileges")
			if c.tool == "docker" {
				must(t, "docker", "pull", "-q", "--platform", platform(ref), ref)
			}
			must(t, append(c.run, "--name", name, "--user", "1234:2345", "--cap-add", "SYS_ADMIN", ref, "sleep", "60")...)
			defer try(t, c.tool, "rm", "-f", name)
			pid := must(t, c.tool, "inspect", "--format", "{{.State.Pid}}", name)
			status := readFile(t, "/proc/"+pid+"/status")
			for _, want := range []string{
				`Uid:\s1234\s1234\s1234\s1234`, `Gid:\s2345\s2345\s2345\s2345`, `CapInh:\s0+`, `CapPrm:\s0+`, `CapEff:\s0+`,
				`CapBnd:\s0+`, `CapAmb:\s0+`, `NoNewPrivs:\s1`, `Seccomp:\s2`,
			} {
				if !regexp.MustCompile(`(?m)^` + want + `$`).MatchString(status) {
					t.Errorf("its status has no %s:\n%s", want, status)
				}
			}
		})
	}
}
