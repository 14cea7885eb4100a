package engine

import (
	"errors"
	"fmt"
	"net/netip"
	"path"
	"slices"
	"strconv"
	"strings"
)

// Command is what the engine is to do in a container, as paths of the
// container.
type Command struct {
	// EngineDir is where the engine's directory is mounted.
	EngineDir string
	// Code is the precompiled component.
	Code string
	// GuestDir becomes the guest's "/".
	GuestDir string
	// Args are the guest's, the first its name.
	Args []string
	// Env is the guest's environment, "NAME=value" each.
	Env []string
	// Cwd is the guest's working directory, empty for "/".
	Cwd string
	// Func is the export to call instead of the component's own start.
	Func string
	// Component tells a component from a core module; it matters to Func and
	// HTTPClient.
	Component bool
	// Preopens are directories of the guest besides its root, each mounted
	// there by itself.
	Preopens []Preopen
	// Flags are the engine's options, those of the code included.
	Flags []string
	// HTTPClient gives a component requests by wasi:http. A server has them
	// in any case.
	HTTPClient bool
	// Sockets gives the guest sockets and name lookup.
	Sockets bool
	// Server is for a component that is served; its address is not valid for
	// a command.
	Server Server
}

// ErrCommand is returned for what the engine's command line cannot say.
var ErrCommand = errors.New("the engine cannot be told")

// Check returns an error that matches ErrCommand for a command that Process would
// make another one of: a comma separates the engine's options, nothing quotes one,
// and what follows it in a working directory, which an image names, would be an
// option of the image's, such as the network of the host.
func (c Command) Check() error {
	if strings.Contains(c.Cwd, ",") {
		return fmt.Errorf("%w of a working directory with a comma, %q: use another one", ErrCommand, c.Cwd)
	}
	return nil
}

// Preopen is a directory of the container that the guest has under a name.
type Preopen struct {
	Dir, Name string
}

// Server says how to serve a component.
type Server struct {
	// Addr is where to listen.
	Addr netip.AddrPort
	// Requests and Connections are the most at one time.
	Requests, Connections uint64
	// Reuse is how many requests one instance gets.
	Reuse uint64
}

func (s Server) flags() []string {
	number := func(n uint64) string { return strconv.FormatUint(n, 10) }
	return []string{
		"--addr", s.Addr.String(), "--no-logging-prefix", "-S", "cli",
		"--max-concurrent-requests", number(s.Requests), "--max-concurrent-connections", number(s.Connections),
		"--max-instance-reuse-count", number(s.Reuse), "--max-instance-concurrent-reuse-count", "1",
	}
}

// Process returns the arguments and the environment of the engine's process
// for a command that has passed Check.
//
// The guest's environment is passed by name, with the values in the process's
// own environment, because every user of a host may read the arguments of
// every process, and values are often secrets. The exception are variables
// that the engine's libraries would act on: they go by value.
func (e *Engine) Process(c Command) (args, env []string) {
	args = e.program(c.EngineDir)
	if c.Server.Addr.IsValid() {
		args = append(append(args, "serve"), c.Server.flags()...)
	} else {
		args = append(args, "run")
	}
	args = append(args, "-C", "cache=n", "--allow-precompiled", "--dir", c.GuestDir+"::/")
	for _, p := range c.Preopens {
		args = append(args, "--dir", p.Dir+"::"+p.Name)
	}
	args = append(args, c.Flags...)
	if c.Sockets {
		args = append(args, "-S", "inherit-network,allow-ip-name-lookup")
	}
	if c.HTTPClient && c.Component { // the engine refuses to start a core module with it
		args = append(args, "-S", "http")
	}
	guestEnv := c.Env
	if cwd := path.Clean("/" + c.Cwd); cwd != "/" {
		args = append(args, "-S", "cwd="+cwd)
		guestEnv = withPWD(guestEnv, cwd)
	}
	var flags []string
	flags, env = passEnv(guestEnv)
	args = append(args, flags...)
	if c.Server.Addr.IsValid() {
		return append(args, c.Code), env
	}
	if len(c.Args) > 0 {
		args = append(args, "--argv0="+c.Args[0])
	}
	return append(args, c.start()...), env
}

// start is the end of a command's arguments: what to call, and with what. The
// arguments of a component's function are values in WAVE, of a core module's
// they are numbers; the engine reads both.
func (c Command) start() []string {
	var rest []string
	if len(c.Args) > 0 {
		rest = c.Args[1:]
	}
	if c.Func == "" {
		return append([]string{c.Code}, rest...)
	}
	call := c.Func
	if c.Component && !strings.Contains(call, "(") {
		call, rest = call+"("+strings.Join(rest, ", ")+")", nil
	}
	return append([]string{"--invoke=" + call, c.Code}, rest...)
}

// program is the beginning of every command line. The dynamic linker is named
// and told where the libraries are, so that nothing but the engine's own
// directory is needed to start it.
func (e *Engine) program(dir string) []string {
	executable := path.Join(dir, programName)
	if e.Interpreter == "" {
		return []string{executable}
	}
	libraries := path.Join(dir, libraryDir)
	return []string{path.Join(libraries, e.Interpreter), "--inhibit-cache", "--library-path", libraries, executable}
}

// withPWD tells the guest its working directory the way shells do: WASI 0.1
// has no other.
func withPWD(env []string, cwd string) []string {
	if slices.ContainsFunc(env, func(v string) bool { return strings.HasPrefix(v, "PWD=") }) {
		return env
	}
	return append(slices.Clone(env), "PWD="+cwd)
}

// passEnv divides the guest's variables between flags and the environment of
// the engine's process. The last value of a name counts.
func passEnv(variables []string) (flags, env []string) {
	last := make(map[string]int, len(variables))
	for i, v := range variables {
		name, _, _ := strings.Cut(v, "=")
		last[name] = i
	}
	for i, v := range variables {
		name, _, ok := strings.Cut(v, "=")
		switch {
		case name == "" || !ok || last[name] != i:
		case actsOnEngine(name):
			flags = append(flags, "--env="+v)
		default:
			flags = append(flags, "--env="+name)
			env = append(env, v)
		}
	}
	return flags, env
}

var (
	// enginePrefixes and engineVariables are what glibc ignores for setuid
	// programs (its "unsecure environment variables"), and what Rust's
	// runtime and the engine read.
	enginePrefixes  = []string{"LD_", "GLIBC_", "MALLOC_", "RUST_", "WASMTIME_", "TOKIO_", "RAYON_", "MIMALLOC_"}
	engineVariables = []string{
		"GCONV_PATH", "GETCONF_DIR", "HOSTALIASES", "LOCALDOMAIN", "LOCPATH", "NIS_PATH", "NLSPATH",
		"RESOLV_HOST_CONF", "RES_OPTIONS", "TMPDIR", "TZDIR",
	}
)

func actsOnEngine(name string) bool {
	return slices.Contains(engineVariables, name) ||
		slices.ContainsFunc(enginePrefixes, func(p string) bool { return strings.HasPrefix(name, p) })
}
