package engine_test

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/wasmfile/wasmfile/shim/engine"
)

func TestProcess(t *testing.T) {
	dynamic := engine.Engine{Interpreter: "ld-linux-x86-64.so.2"}
	base := engine.Command{EngineDir: "/engine", Code: "/engine/c.cwasm", GuestDir: "/guest"}
	with := func(change func(*engine.Command)) engine.Command {
		c := base
		change(&c)
		return c
	}
	const run = "/engine/wasmtime run -C cache=n --allow-precompiled --dir /guest::/ "
	cases := []struct {
		name    string
		engine  engine.Engine
		command engine.Command
		args    string
		env     string
	}{
		{"a command without arguments", engine.Engine{}, base, run + "/engine/c.cwasm", ""},
		{
			"arguments are the guest's, whatever they look like",
			engine.Engine{},
			with(func(c *engine.Command) { c.Args = []string{"hello", "--dir", "/::/"} }),
			run + "--argv0=hello /engine/c.cwasm --dir /::/", "",
		},
		{
			"an engine with libraries", dynamic, base,
			"/engine/lib/ld-linux-x86-64.so.2 --inhibit-cache --library-path /engine/lib " + run + "/engine/c.cwasm", "",
		},
		{
			"values of variables stay out of the arguments",
			engine.Engine{},
			with(func(c *engine.Command) { c.Env = []string{"TOKEN=secret", "TOKEN=newer", "EMPTY=", "broken", "=x"} }),
			run + "--env=TOKEN --env=EMPTY /engine/c.cwasm", "TOKEN=newer EMPTY=",
		},
		{
			"names that look like flags",
			engine.Engine{},
			with(func(c *engine.Command) { c.Args, c.Func, c.Env = []string{"--help#-f"}, "-f", []string{"-C=x"} }),
			run + "--env=-C --argv0=--help#-f --invoke=-f /engine/c.cwasm", "-C=x",
		},
		{
			"variables that act on the engine do not reach it",
			engine.Engine{},
			with(func(c *engine.Command) {
				c.Env = []string{"LD_PRELOAD=/guest/x.so", "RUST_LOG=trace", "GLIBC_TUNABLES=a", "TMPDIR=/t", "A=b"}
			}),
			run + "--env=LD_PRELOAD=/guest/x.so --env=RUST_LOG=trace --env=GLIBC_TUNABLES=a --env=TMPDIR=/t --env=A /engine/c.cwasm", "A=b",
		},
		{
			"a working directory",
			engine.Engine{},
			with(func(c *engine.Command) { c.Cwd = "/data/" }),
			run + "-S cwd=/data --env=PWD /engine/c.cwasm", "PWD=/data",
		},
		{
			"a working directory that the user names otherwise",
			engine.Engine{},
			with(func(c *engine.Command) { c.Cwd, c.Env = "/data", []string{"PWD=/x"} }),
			run + "-S cwd=/data --env=PWD /engine/c.cwasm", "PWD=/x",
		},
		{
			"network",
			engine.Engine{},
			with(func(c *engine.Command) { c.Sockets, c.HTTPClient, c.Component = true, true, true }),
			run + "-S inherit-network,allow-ip-name-lookup -S http /engine/c.cwasm", "",
		},
		{
			"network of a core module, which can have no HTTP",
			engine.Engine{},
			with(func(c *engine.Command) { c.Sockets, c.HTTPClient = true, true }),
			run + "-S inherit-network,allow-ip-name-lookup /engine/c.cwasm", "",
		},
		{
			"directories and options",
			engine.Engine{},
			with(func(c *engine.Command) {
				c.Preopens, c.Flags = []engine.Preopen{{Dir: "/guest/run/x", Name: "/var/run/x"}}, []string{"-W", "gc=y"}
			}),
			"/engine/wasmtime run -C cache=n --allow-precompiled --dir /guest::/ --dir /guest/run/x::/var/run/x -W gc=y /engine/c.cwasm", "",
		},
		{
			"an export of a component",
			engine.Engine{},
			with(func(c *engine.Command) { c.Args, c.Func, c.Component = []string{"greet#hi"}, "hi", true }),
			run + "--argv0=greet#hi --invoke=hi() /engine/c.cwasm", "",
		},
		{
			"an export of a component with arguments",
			engine.Engine{},
			with(func(c *engine.Command) { c.Func, c.Component = `hi("you")`, true }),
			run + `--invoke=hi("you") /engine/c.cwasm`, "",
		},
		{
			"an export of a component with arguments of its own",
			engine.Engine{},
			with(func(c *engine.Command) { c.Args, c.Func, c.Component = []string{"m#hi", `"you"`, "[1, 2]"}, "hi", true }),
			run + `--argv0=m#hi --invoke=hi("you", [1, 2]) /engine/c.cwasm`, "",
		},
		{
			"an export of a module",
			engine.Engine{},
			with(func(c *engine.Command) { c.Args, c.Func = []string{"m#add", "1", "2"}, "add" }),
			run + "--argv0=m#add --invoke=add /engine/c.cwasm 1 2", "",
		},
		{
			"HTTP",
			engine.Engine{},
			with(func(c *engine.Command) {
				c.Server = engine.Server{Addr: netip.MustParseAddrPort("0.0.0.0:80"), Requests: 2, Connections: 3, Reuse: 1}
				c.Args = []string{"http", "x"}
			}),
			"/engine/wasmtime serve --addr 0.0.0.0:80 --no-logging-prefix -S cli --max-concurrent-requests 2 --max-concurrent-connections 3 " +
				"--max-instance-reuse-count 1 --max-instance-concurrent-reuse-count 1 -C cache=n --allow-precompiled --dir /guest::/ /engine/c.cwasm", "",
		},
	}
	for _, c := range cases {
		args, env := c.engine.Process(c.command)
		if got := strings.Join(args, " "); got != c.args {
			t.Errorf("%s:\n got %s\nwant %s", c.name, got, c.args)
		}
		if got := strings.Join(env, " "); got != c.env {
			t.Errorf("%s: environment %q, want %q", c.name, got, c.env)
		}
	}
}

// Whatever variables an image sets, none that acts on the engine is in its
// environment, and none starts a flag.
func FuzzProcessEnv(f *testing.F) {
	for _, seed := range []string{"A=b", "LD_PRELOAD=/x", "=\nLD_AUDIT=x", "--env", "A=b\nB=c\nA=d", "-x=y"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, joined string) {
		e := engine.Engine{}
		args, env := e.Process(engine.Command{EngineDir: "/engine", Code: "/c", GuestDir: "/guest", Env: strings.Split(joined, "\n")})
		seen := map[string]bool{}
		for _, v := range env {
			name, _, _ := strings.Cut(v, "=")
			if strings.HasPrefix(name, "LD_") || strings.HasPrefix(name, "RUST_") || seen[name] {
				t.Fatalf("the engine's environment is %q", env)
			}
			seen[name] = true
		}
		if n := len(args); args[n-1] != "/c" || slices.Index(args, "/c") != n-1 && !strings.Contains(joined, "/c") {
			t.Fatalf("the arguments are %q", args)
		}
	})
}

// A working directory is all that an image may say by naming one.
func TestCheck(t *testing.T) {
	for cwd, ok := range map[string]bool{
		"": true, "/data": true, "/with space=and::more": true,
		"/data,inherit-network": false, "/,": false,
	} {
		if err := (engine.Command{Cwd: cwd}).Check(); (err == nil) != ok || err != nil && !errors.Is(err, engine.ErrCommand) {
			t.Errorf("working directory %q: %v", cwd, err)
		}
	}
}
