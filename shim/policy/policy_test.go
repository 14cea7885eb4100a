package policy

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/wasmfile/wasmfile/shim/engine"
	"github.com/wasmfile/wasmfile/shim/policy/adminfile"
)

// administrator is a file with something of everything.
const administrator = `
[defaults]
engine-config = "standard"
http.timeout = "10s"
http.requests = 5

[limits]
network = "http"
memory = "1GiB"
http.timeout = "1m"

[engine-config.standard]
wasm.gc = true

[engine-config.small.wasm]
max-memory-size = 1048576
timeout = "2s"
fuel = 1000

[compile]
memory = "2GiB"
time = "1m"
cpu-time = "90s"

[shim]
share = "namespace"
oci-runtime = "crun"
`

func TestSettings(t *testing.T) {
	p, err := parse([]byte(administrator))
	if err != nil {
		t.Fatal(err)
	}
	cases := []struct {
		name   string
		policy *Policy
		Container
		flags   string
		network Network
		server  [3]uint64 // requests, connections, reuse
	}{
		{"a command of which nothing is said", &Policy{}, Container{}, "", NetworkDeny, [3]uint64{128, 1024, 1}},
		{"a server", &Policy{}, Container{Serves: true}, "-W max-memory-size=268435456 -W timeout=30000ms", NetworkHTTP, [3]uint64{128, 1024, 1}},
		{"a command in a pod", &Policy{}, Container{InPod: true}, "", NetworkAllow, [3]uint64{128, 1024, 1}},
		{
			"what annotations ask for", &Policy{},
			Container{Serves: true, Annotations: annotations("memory=64MiB http.timeout=1500ms network=allow http.requests=2 http.connections=3 http.reuse=4 http.addr=[::]:80 layers=[] manifest={}")},
			"-W max-memory-size=67108864 -W timeout=1500ms", NetworkAllow,
			[3]uint64{2, 3, 4},
		},
		{"the administrator's defaults and limits", p, Container{Serves: true, InPod: true}, "-W gc=y -W max-memory-size=268435456 -W timeout=10000ms", NetworkHTTP, [3]uint64{5, 1024, 1}},
		{"a command within limits", p, Container{}, "-W gc=y -W max-memory-size=1073741824", NetworkDeny, [3]uint64{5, 1024, 1}},
		{"another engine configuration", p, Container{Annotations: annotations("engine-config=small")}, "-W fuel=1000 -W max-memory-size=1048576 -W timeout=2000ms", NetworkDeny, [3]uint64{5, 1024, 1}},
		{"one that limits a server", p, Container{Serves: true, Annotations: annotations("engine-config=small")}, "-W fuel=1000 -W max-memory-size=1048576 -W timeout=2000ms", NetworkHTTP, [3]uint64{5, 1024, 1}},
		{"less than the limit", p, Container{Annotations: annotations("network=deny memory=65536")}, "-W gc=y -W max-memory-size=65536", NetworkDeny, [3]uint64{5, 1024, 1}},
	}
	for _, c := range cases {
		s, err := c.policy.Settings(c.Container)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if got := strings.Join(s.Engine.Flags(), " "); got != c.flags {
			t.Errorf("%s: the flags are %s, not %s", c.name, got, c.flags)
		}
		if got := [3]uint64{s.Requests, s.Connections, s.Reuse}; s.Network != c.network || got != c.server {
			t.Errorf("%s: network %d, %v; want %d, %v", c.name, s.Network, got, c.network, c.server)
		}
	}
	if s, err := p.Settings(Container{Annotations: annotations("http.drain=0s")}); err != nil || s.Drain != 0 {
		t.Errorf("no time to drain gives %s, %v", s.Drain, err)
	}
	want := engine.CompileLimits{Memory: 2 << 30, Wall: time.Minute, CPU: 90 * time.Second}
	if p.Compile != want {
		t.Errorf("the limits of a compilation are %+v", p.Compile)
	}
}

// annotations are "name=value" pairs, without the prefix of the names.
func annotations(pairs string) map[string]string {
	m := make(map[string]string)
	for pair := range strings.FieldsSeq(pairs) {
		name, value, _ := strings.Cut(pair, "=")
		m[Prefix+name] = value
	}
	return m
}

// Whoever asks for too much, or for what there is not, is told what and where.
func TestDenied(t *testing.T) {
	p, err := parse([]byte(administrator))
	if err != nil {
		t.Fatal(err)
	}
	cases := map[string]string{
		"network=allow":                       "administrator",
		"network=Allow":                       "deny",
		"network=none":                        "deny",
		"memory=2GiB":                         "administrator",
		"memory=1":                            "64KiB",
		"memory=1e9":                          "64MiB",
		"memory=99999999999TiB":               "16TiB",
		"http.timeout=2m":                     "administrator",
		"http.timeout=0s":                     "1ms",
		"http.drain=2h":                       "1h",
		"http.requests=0":                     "100000",
		"http.connections=-1":                 "100000",
		"http.reuse=1000001":                  "1000000",
		"engine-config=gc":                    "small, standard",
		"engine-config=small memory=1GiB":     "administrator",
		"engine-config=small http.timeout=3s": "administrator",
		"memmory=64MiB":                       "memory, network",
		"egress=example.com:443":              "NetworkPolicy",
		"egress=example.com:443 engine-config=nothing": "egress",
	}
	for asked, want := range cases {
		name, _, _ := strings.Cut(strings.Fields(asked)[strings.Count(asked, " ")], "=")
		if strings.HasPrefix(asked, "egress") {
			name = "egress"
		}
		for _, serves := range []bool{false, true} {
			_, err := p.Settings(Container{Serves: serves, Annotations: annotations(asked)})
			if !errors.Is(err, ErrDenied) || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), Prefix+name) {
				t.Errorf("%s gives %v", asked, err)
			}
		}
	}
}

// A file that is not understood whole is not used at all.
func TestFileErrors(t *testing.T) {
	cases := map[string]string{
		"[defaults]\nnetwrok = \"deny\"":                           "netwrok",
		"[defaults]\nnetwork = true":                               "network",
		"[defaults]\nnetwork = \"maybe\"":                          "maybe",
		"[limits]\nmemory = \"lots\"":                              "lots",
		"[limits]\nengine-config = \"a\"":                          "engine-config",
		"[defaults]\nengine-config = \"a\"":                        "engine-config.a",
		"[engine-config.a.wasm]\nbogus = true":                     "wasm.bogus",
		"[engine-config.a.wasm]\ngc = \"yes\"":                     "wasm.gc",
		"[engine-config.a.wasm]\nfuel = -1":                        "wasm.fuel",
		"[engine-config.a.wasm]\ntimeout = \"soon\"":               "wasm.timeout",
		"[engine-config.a.wasi]\ninherit-network = true":           "io.github.wasmfile.network",
		"[engine-config.a.codegen]\ncompiler = \"gcc\"":            "cranelift",
		"[engine-config.a.bogus]\nx = 1":                           "bogus",
		"[engine-config.a.wasi.config-var]\nx = \"1,inherit-env\"": "config-var",
		"[compile]\nmemory = \"0\"":                                "compile.memory",
		"[compile]\ntime = \"1ms\"":                                "compile.time",
		"[compile]\nnice = 1":                                      "nice",
		"[shim]\nshare = \"host\"":                                 "shim.share",
		"[shim]\noci-runtime = \"bin/crun\"":                       "shim.oci-runtime",
		"[shim]\nruntime = \"crun\"":                               "runtime",
		"[surprise]":                                               "surprise",
		"[":                                                        "line 1",
	}
	for content, want := range cases {
		if _, err := parse([]byte(content)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q gives %v", content, err)
		}
	}
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "shim.toml")
	t.Setenv(adminfile.Env, path)
	if _, err := Load(); !errors.Is(err, ErrFile) || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that is named and is not there gives %v", err)
	}
	if err := os.WriteFile(path, []byte(administrator), 0o644); err != nil {
		t.Fatal(err)
	}
	if p, err := Load(); err != nil || len(p.engines) != 2 || p.Runtime != "crun" {
		t.Errorf("the file gives %+v, %v", p, err)
	}
	if err := os.Chmod(path, 0o664); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(); !errors.Is(err, ErrFile) || !strings.Contains(err.Error(), "chmod go-w") {
		t.Errorf("a file that others may write gives %v", err)
	}
	for _, named := range []string{dir, "relative.toml"} {
		t.Setenv(adminfile.Env, named)
		if _, err := Load(); !errors.Is(err, ErrFile) {
			t.Errorf("%s gives %v", named, err)
		}
	}
}

// A rootless containerd's user is the administrator, and root's file is not
// read.
func TestLoadRootless(t *testing.T) {
	home, config := t.TempDir(), t.TempDir()
	t.Setenv(adminfile.Env, "")
	t.Setenv("HOME", home)
	t.Setenv("ROOTLESSKIT_STATE_DIR", "/run/user/1000/containerd-rootless")
	for xdg, dir := range map[string]string{"": filepath.Join(home, ".config"), config: config} {
		t.Setenv("XDG_CONFIG_HOME", xdg)
		if p, err := Load(); err != nil || len(p.engines) != 0 {
			t.Errorf("without a file it gives %+v, %v", p, err)
		}
		path := filepath.Join(dir, "wasmfile", "shim.toml")
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(administrator), 0o644)); err != nil {
			t.Fatal(err)
		}
		if p, err := Load(); err != nil || len(p.engines) != 2 || p.Runtime != "crun" {
			t.Errorf("%s gives %+v, %v", path, p, err)
		}
	}
	t.Setenv("XDG_CONFIG_HOME", "")
	t.Setenv("HOME", "")
	if _, err := Load(); !errors.Is(err, ErrFile) {
		t.Errorf("without a home it gives %v", err)
	}
}
