package check

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// programs makes a directory with programs that print these texts.
func programs(t *testing.T, says map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range says {
		script := "#!/bin/sh\necho '" + text + "'\n"
		if err := os.WriteFile(filepath.Join(dir, name), []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestRun: given what a machine has, each check says so, and the report says
// whether Wasm containers can run.
func TestRun(t *testing.T) {
	whole := map[string]string{
		"containerd-shim-wasmfile-v1": "containerd-shim-wasmfile-v1:\n  Version:  1.2.3\n  Go version: go1.26",
		"wasmtime":                    "wasmtime 49.0.3 (abc)\n -S cli[=y|n]\n -S http[=y|n]\n -S inherit-network[=y|n]\n -S allow-ip-name-lookup[=y|n]",
		"runc":                        "runc version 1.5.2\nspec: 1.3.0",
		"nerdctl":                     "nerdctl version 2.3.5",
		"buildkitd":                   "",
		"bridge":                      "", "host-local": "", "loopback": "", "portmap": "", "firewall": "", "tuning": "",
	}
	without := func(names ...string) map[string]string {
		rest := make(map[string]string)
		for name, text := range whole {
			rest[name] = text
		}
		for _, name := range names {
			delete(rest, name)
		}
		return rest
	}
	old := without()
	old["wasmtime"] = "wasmtime 43.0.0"
	daemon := &Daemon{Version: "v2.4.2", Snapshotters: []string{"native", "overlayfs"}}
	for name, c := range map[string]struct {
		programs map[string]string
		daemon   *Daemon
		ok       bool
		is       map[string]Status
		says     map[string]string
	}{
		"everything": {whole, daemon, true, map[string]Status{"mode": OK, "buildkitd": OK, "containerd": OK, "snapshotter": OK, "shim": OK, "engine": OK, "engine's features": OK, "runc": OK, "CNI": OK, "nerdctl": OK}, map[string]string{"shim": "1.2.3", "engine": "49.0.3", "runc": "1.5.2", "buildkitd": "0.34.2"}},
		"no daemon":  {whole, nil, false, map[string]Status{"containerd": Missing, "snapshotter": Warning, "shim": OK}, map[string]string{"containerd": "systemctl start containerd"}},
		"no shim":    {without("containerd-shim-wasmfile-v1"), daemon, false, map[string]Status{"shim": Missing}, map[string]string{"shim": "make install"}},
		"no engine":  {without("wasmtime"), daemon, false, map[string]Status{"engine": Missing, "engine's features": Warning}, map[string]string{"engine": "https://github.com/bytecodealliance/wasmtime/releases"}},
		"old engine": {old, daemon, false, map[string]Status{"engine": Missing}, map[string]string{"engine": "44 or newer"}},
		"no runc":    {without("runc"), daemon, false, map[string]Status{"runc": Missing}, map[string]string{"runc": "apt-get install runc"}},
		"no bridge":  {without("bridge"), daemon, true, map[string]Status{"CNI": Warning}, map[string]string{"CNI": "lacks bridge"}},
		"no nerdctl": {without("nerdctl"), daemon, true, map[string]Status{"nerdctl": Warning}, map[string]string{"nerdctl": "releases"}},
		"no builder": {without("buildkitd"), daemon, true, map[string]Status{"buildkitd": Warning}, map[string]string{"buildkitd": "start buildkitd"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := programs(t, c.programs)
			t.Setenv(engineVariable, "")
			t.Setenv("PATH", dir)
			report := Run(t.Context(), Options{
				Daemon: c.daemon, DaemonError: errors.New("no containerd"), Address: "/some.sock", Snapshotter: "overlayfs", CNIPath: dir,
				Nerdctl: func() (string, error) {
					path := filepath.Join(dir, "nerdctl")
					_, err := os.Stat(path)
					return path, err
				},
				Builder: func(context.Context) (string, string, error) {
					path := filepath.Join(dir, "buildkitd")
					_, err := os.Stat(path)
					return path, "0.34.2", err
				},
			})
			if report.OK != c.ok {
				t.Errorf("the report says %v: %+v", report.OK, report.Results)
			}
			for _, r := range report.Results {
				if want, ok := c.is[r.Name]; ok && r.Status != want {
					t.Errorf("%s is %s, not %s: %+v", r.Name, r.Status, want, r)
				}
				if want := c.says[r.Name]; !strings.Contains(r.Version+r.Detail+r.Fix, want) {
					t.Errorf("%s does not say %q: %+v", r.Name, want, r)
				}
			}
		})
	}
}

// TestRunRootless: given what an ordinary user has, outside the namespaces of
// containerd or inside, each check says so.
func TestRunRootless(t *testing.T) {
	all := map[string]string{
		"rootlesskit": "rootlesskit version 3.0.1", "newuidmap": "", "newgidmap": "", "slirp4netns": "slirp4netns version 1.2.0\ncommit: abc",
	}
	without := func(names ...string) map[string]string {
		rest := maps.Clone(all)
		for _, name := range names {
			delete(rest, name)
		}
		return rest
	}
	old := without("slirp4netns")
	old["rootlesskit"] = "rootlesskit version 1.1.0"
	for name, c := range map[string]struct {
		programs map[string]string
		files    map[string]string // beside those that are right
		inside   bool
		is       map[string]Status
		says     map[string]string
	}{
		"everything": {
			all, nil, false,
			map[string]Status{"mode": OK, "rootlesskit": OK, "newuidmap, newgidmap": OK, "subordinate IDs": OK, "TUN device": OK, "slirp4netns": OK, "containerd": Missing},
			map[string]string{"mode": "ada (1234)", "rootlesskit": "3.0.1", "slirp4netns": "1.2.0", "containerd": "containerd-rootless.sh", "buildkitd": "install-buildkit-containerd"},
		},
		"a user by number": {all, map[string]string{"etc/subuid": "1234:1:65536\n"}, false, map[string]Status{"subordinate IDs": OK}, nil},
		"two ranges":       {all, map[string]string{"etc/subgid": "ada:1:40000\nada:50000:40000\n"}, false, map[string]Status{"subordinate IDs": OK}, nil},
		"nothing": {
			nil, nil, false,
			map[string]Status{"rootlesskit": Missing, "newuidmap, newgidmap": Missing, "slirp4netns": Missing},
			map[string]string{"rootlesskit": "apt-get install rootlesskit", "newuidmap, newgidmap": "apt-get install uidmap", "slirp4netns": "apt-get install slirp4netns"},
		},
		"another's IDs":      {all, map[string]string{"etc/subuid": "bob:1:65536\n"}, false, map[string]Status{"subordinate IDs": Missing}, map[string]string{"subordinate IDs": "usermod --add-subuids"}},
		"few IDs":            {all, map[string]string{"etc/subgid": "ada:1:1000\n"}, false, map[string]Status{"subordinate IDs": Missing}, map[string]string{"subordinate IDs": "1000 for user ada"}},
		"own driver":         {without("slirp4netns"), nil, false, map[string]Status{"slirp4netns": Warning}, map[string]string{"slirp4netns": "a driver of its own"}},
		"no driver":          {old, nil, false, map[string]Status{"rootlesskit": OK, "slirp4netns": Missing}, nil},
		"inside":             {nil, map[string]string{"etc/subuid": "", "etc/subgid": ""}, true, map[string]Status{"rootlesskit": Warning, "newuidmap, newgidmap": Warning, "slirp4netns": Warning, "user namespaces": OK, "subordinate IDs": OK}, nil},
		"inside, alone":      {all, map[string]string{"proc/self/uid_map": "0 1234 1\n"}, true, map[string]Status{"subordinate IDs": Missing}, map[string]string{"subordinate IDs": "has 1 for user ada"}},
		"no mapping for GID": {all, map[string]string{"proc/self/gid_map": ""}, true, map[string]Status{"subordinate IDs": Missing}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			files := map[string]string{
				"etc/subuid": "bob:1:65536\nada:100000:65536\n", "etc/subgid": "ada:100000:65536\n", "dev/net/tun": "",
				"proc/self/uid_map": "0 1234 1\n1 100000 65536\n", "proc/self/gid_map": "0 1234 1\n1 100000 65536\n",
			}
			maps.Copy(files, c.files)
			for path, content := range files {
				path = filepath.Join(root, path)
				if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(content), 0o644)); err != nil {
					t.Fatal(err)
				}
			}
			t.Setenv("PATH", programs(t, c.programs))
			report := Run(t.Context(), Options{
				Rootless:    &Rootless{User: "ada", UID: 1234, Inside: c.inside, Root: root},
				DaemonError: errors.New("no rootless containerd"), Nerdctl: func() (string, error) { return "", errors.New("none") },
				Builder: func(context.Context) (string, string, error) { return "", "", errors.New("none") },
			})
			if !report.Rootless {
				t.Errorf("the report is %+v", report)
			}
			for _, r := range report.Results {
				if want, ok := c.is[r.Name]; ok && r.Status != want {
					t.Errorf("%s is %s, not %s: %+v", r.Name, r.Status, want, r)
				}
				if want := c.says[r.Name]; !strings.Contains(r.Version+r.Detail+r.Fix, want) {
					t.Errorf("%s does not say %q: %+v", r.Name, want, r)
				}
			}
		})
	}
}
