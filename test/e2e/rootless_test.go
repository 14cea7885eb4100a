package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestRootless: given an ordinary user's own containerd, in a user namespace of
// RootlessKit's, the plugin and the shim do what they do for root.
func TestRootless(t *testing.T) {
	u := newRootlessUser(t)
	fails(t, []string{"missing  containerd", "no rootless containerd runs", "containerd-rootless.sh"}, u.wasm("system", "check")...)
	fails(t, []string{"no rootless containerd runs", "system check"}, u.wasm("images")...)
	must(t, u.wasm("system")...) // shows its help
	// What needs no containerd can do without.
	must(t, u.wasm("completion", "bash")...)
	must(t, u.wasm("__complete", "run", "--pull", "")...)
	layout := u.path("greet.tar")
	must(t, "nerdctl", "wasm", "build", "-q", "-o", "type=tar,dest="+layout, example("greet"))
	if out := must(t, u.wasm("inspect", layout)...); !strings.Contains(out, "greet.wasm") {
		t.Errorf("inspect of a layout prints %q", out)
	}
	u.startContainerd(t)
	for _, test := range []struct {
		name string
		run  func(*testing.T, *rootlessUser)
	}{
		{"check", rootlessCheck},
		{"images", rootlessImages},
		{"run", rootlessRun},
		{"files", rootlessFiles},
		{"background", rootlessBackground},
		{"port", rootlessPort},
		{"drain", rootlessDrain},
		{"terminal", rootlessTerminal},
		{"compiler", rootlessCompiler},
		{"settings", rootlessSettings},
		{"build", rootlessBuild},
		{"remove", rootlessRemove},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, u) })
	}
	if out := must(t, u.as("nerdctl", "ps", "-aq")...); out != "" {
		t.Errorf("these containers are left: %s", out)
	}
}

// What the user lacks is said before there is a containerd, and then nothing is
// lacking but what cgroups of version 1 do not let users have, and a builder, of which
// it is said how to get one.
func rootlessCheck(t *testing.T, u *rootlessUser) {
	var report struct {
		OK, Rootless bool
		Checks       []struct{ Name, Status, Version, Detail, Fix string }
	}
	if err := json.Unmarshal([]byte(must(t, u.wasm("system", "check", "--json")...)), &report); err != nil {
		t.Fatal(err)
	}
	found := make(map[string]string)
	for _, c := range report.Checks {
		found[c.Name] = c.Detail
		switch {
		case c.Status == "ok", c.Name == "cgroups":
		case c.Name == "buildkitd" && c.Status == "warning" && strings.HasPrefix(c.Fix, "containerd-rootless-setuptool.sh "):
		default:
			t.Errorf("%+v", c)
		}
	}
	if !report.OK || !report.Rootless || !strings.Contains(found["mode"], u.name) || found["rootlesskit"] != u.path("tools", "rootlesskit") {
		t.Errorf("the report is %+v", report)
	}
}

func rootlessImages(t *testing.T, u *rootlessUser) {
	ref := probe(t, "module")
	must(t, u.wasm("pull", "-q", ref)...)
	must(t, u.wasm("precompile", ref)...)
	name, _, _ := strings.Cut(ref, ":latest")
	if out := must(t, u.wasm("images", "--format", "{{.Repository}} {{.Components}}")...); out != name+" [guest.wasm]" {
		t.Errorf("images shows %q", out)
	}
	if out := must(t, u.wasm("__complete", "run", "")...); !strings.Contains(out, ref) {
		t.Errorf("completion offers %q", out)
	}
}

func rootlessRemove(t *testing.T, u *rootlessUser) {
	must(t, u.wasm(append([]string{"rmi"}, strings.Fields(must(t, u.wasm("images", "-q")...))...)...)...)
	if out := must(t, u.wasm("images", "-q")...); out != "" {
		t.Errorf("after rmi there is %q", out)
	}
}

func rootlessRun(t *testing.T, u *rootlessUser) {
	module, component := probe(t, "module"), probe(t, "component")
	for _, c := range []struct {
		name  string
		args  []string
		stdin string
		want  result
	}{
		{name: "arguments", args: []string{component, "args", "a", "b c"}, want: result{stdout: "a\nb c\n"}},
		{name: "environment", args: []string{"-e", "COLOUR=blue", component, "env", "COLOUR"}, want: result{stdout: "blue\n"}},
		{name: "standard input", args: []string{"-i", component, "cat"}, stdin: "text\n", want: result{stdout: "text\n"}},
		{name: "standard error", args: []string{component, "stderr", "text"}, want: result{stderr: "text\n"}},
		{name: "an exit code", args: []string{module, "exit", "7"}, want: result{code: 7}},
		{name: "a trap", args: []string{module, "trap"}, want: result{code: 134, stderr: "wasmfile: component guest.wasm trapped"}},
		{name: "no network", args: []string{"--net", "none", component, "args", "x"}, want: result{stdout: "x\n"}},
		{name: "the host's network", args: []string{"--net", "host", component, "args", "x"}, want: result{stdout: "x\n"}},
		{name: "a user", args: []string{"--user", "1234:2345", component, "args", "x"}, want: result{stdout: "x\n"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := command{args: u.wasm(append([]string{"run", "--rm", "-q"}, c.args...)...), stdin: strings.NewReader(c.stdin)}.run(t)
			if r.stdout != c.want.stdout || r.code != c.want.code || !strings.Contains(r.stderr, c.want.stderr) {
				t.Errorf("exit code %d, %q and %q", r.code, r.stdout, r.stderr)
			}
		})
	}
}

// What a guest writes into a directory of the user's belongs to the user.
func rootlessFiles(t *testing.T, u *rootlessUser) {
	ref := probe(t, "component")
	u.write(t, "home/data/note", "mounted")
	run := func(args ...string) []string { return u.wasm(append([]string{"run", "--rm", "-q"}, args...)...) }
	if out := must(t, run("-v", "./data:/data:ro", ref, "read", "/data/note")...); out != "mounted" {
		t.Errorf("the guest reads %q", out)
	}
	if r := try(t, run("-v", "./data:/data:ro", ref, "write", "/data/note", "x")...); r.code == 0 {
		t.Error("the guest writes what is read-only")
	}
	must(t, run("-v", "./data:/data", ref, "write", "/data/new", "written")...)
	if out := must(t, "stat", "--format", "%U", u.path("home", "data", "new")); out != u.name {
		t.Errorf("what it wrote belongs to %s", out)
	}
	if r := try(t, run("-v", "/root:/host", ref, "walk", "/host")...); strings.Contains(r.stdout, "/host/") {
		t.Errorf("the guest sees root's files: %s", r.stdout)
	}
}

func rootlessBackground(t *testing.T, u *rootlessUser) {
	name := unique("rootless")
	must(t, u.wasm("run", "-d", "-q", "--name", name, publishTwo(t), "sleep", "300")...)
	defer try(t, u.wasm("rm", "-f", name)...)
	pid := must(t, u.as("nerdctl", "inspect", "--format", "{{.State.Pid}}", name)...)
	status := readFile(t, filepath.Join("/proc", pid, "status"))
	for _, want := range []string{fmt.Sprintf(`Uid:(\s%d){4}`, u.uid), `CapEff:\s0+`, `CapBnd:\s0+`, `NoNewPrivs:\s1`, `Seccomp:\s2`} {
		if !regexp.MustCompile(`(?m)^` + want + `$`).MatchString(status) {
			t.Errorf("its status has no %s:\n%s", want, status)
		}
	}
	if out := must(t, u.wasm("ps", "--format", "{{.Names}} {{.Component}}")...); out != name+" a.wasm" {
		t.Errorf("ps shows %q", out)
	}
	if out := must(t, u.wasm("exec", name, "a", "args", "x")...); out != "x" {
		t.Errorf("exec shows %q", out)
	}
	// The code of another component is mounted into the container first.
	fails(t, []string{"exit code 7"}, u.wasm("exec", name, "b")...)
	must(t, u.wasm("stop", name)...)
	if out := must(t, u.as("nerdctl", "inspect", "--format", "{{.State.Status}} {{.State.ExitCode}}", name)...); out != "exited 143" {
		t.Errorf("after stop it is %q", out)
	}
	must(t, u.wasm("start", name)...)
	must(t, u.wasm("rm", "-f", name)...)
}

// A published port is the host's, by RootlessKit's port driver.
func rootlessPort(t *testing.T, u *rootlessUser) {
	name, port := unique("web"), freePort(t)
	url := "http://127.0.0.1:" + port + "/there"
	must(t, u.wasm("run", "-d", "-q", "--name", name, "-p", "127.0.0.1:"+port+":8080", publish(t, "http"))...)
	defer try(t, u.wasm("rm", "-f", name)...)
	answers := func() bool {
		code, body := get(url)
		return code == 200 && strings.Contains(body, "you asked for /there")
	}
	eventually(t, 30*time.Second, "an answer", answers)
	must(t, u.wasm("stop", name)...)
	must(t, u.wasm("start", name)...)
	eventually(t, 30*time.Second, "an answer after a restart", answers)
	if r := try(t, u.wasm("logs", name)...); strings.Count(r.all(), "Serving HTTP on") != 2 {
		t.Errorf("its log is %q", r.all())
	}
	must(t, u.wasm("rm", "-f", name)...)
	if code, _ := get(url); code != 0 {
		t.Errorf("after rm it answers %d", code)
	}
	if from := number(t, must(t, "cat", "/proc/sys/net/ipv4/ip_unprivileged_port_start")); from > 81 {
		fails(t, []string{"cannot expose privileged port 81"}, u.wasm("run", "--rm", "-q", "-p", "127.0.0.1:81:8080", publish(t, "http"))...)
	}
}

// A server that is asked to end refuses connections, which is seen in its own
// network: RootlessKit accepts those to a published port itself.
func rootlessDrain(t *testing.T, u *rootlessUser) {
	name, port := unique("web"), freePort(t)
	args := append([]string{"run", "-d", "-q", "--name", name, "-p", "127.0.0.1:" + port + ":8080"}, annotated("http.drain=20s")...)
	must(t, u.wasm(append(args, publishGuest(t, "web"))...)...)
	defer try(t, u.wasm("rm", "-f", name)...)
	eventually(t, 30*time.Second, "an answer", func() bool { return outcome("http://127.0.0.1:"+port) == "200 1" })
	connect := []string{"nsenter", "--net", "--target", must(t, u.as("nerdctl", "inspect", "--format", "{{.State.Pid}}", name)...), "bash", "-c", ": < /dev/tcp/127.0.0.1/8080"}
	must(t, connect...)
	answered := inFlight("http://127.0.0.1:" + port + "/slow")
	must(t, u.as("nerdctl", "kill", "--signal", "TERM", name)...)
	fails(t, []string{"Connection refused"}, connect...)
	if got := <-answered; got != "200 waited" {
		t.Errorf("the request in flight gives %s", got)
	}
	must(t, u.as("nerdctl", "wait", name)...)
}

func rootlessTerminal(t *testing.T, u *rootlessUser) {
	term := onTerminal(t, u.wasm("run", "--rm", "-q", "-it", probe(t, "component"), "cat")...)
	term.types("ready\n")
	term.shows("ready\r\nready\r\n")
	term.types("\x04")
	term.ends(0)
}

// The compiler is as confined as for root, or does not run.
func rootlessCompiler(t *testing.T, u *rootlessUser) {
	ref := probe(t, "component")
	must(t, u.wasm("pull", "-q", ref)...)
	spy := spyEngine(t, u.path("bin"))
	if user := isConfined(t, try(t, u.as("env", "WASMFILE_ENGINE="+spy, "SECRET=x", "nerdctl", "wasm", "precompile", ref)...)); user != 65534 {
		t.Errorf("its user is %d", user)
	}
	if err := os.Remove(spy); err != nil {
		t.Fatal(err)
	}
	// Without subordinate IDs there is nobody to run it as.
	spec := fmt.Sprintf(`{"Root": %q, "Args": ["/engine"]}`, u.path("tmp"))
	fails(t, []string{"become user 65534", "/etc/subuid"}, u.as("unshare", "--user", "--map-root-user", "--mount",
		"containerd-shim-wasmfile-v1", "confined-child", spec)...)
}

// The user's own file is the administrator's.
func rootlessSettings(t *testing.T, u *rootlessUser) {
	ref := probe(t, "component")
	run := u.wasm("run", "--rm", "-q", "--allow-net", ref, "args", "x")
	must(t, run...)
	u.write(t, "home/.config/wasmfile/shim.toml", "[limits]\nnetwork = \"http\"\n")
	fails(t, []string{"network", "administrator"}, run...)
	must(t, u.as("rm", u.path("home/.config/wasmfile/shim.toml"))...)
	must(t, run...)
}

// A BuildKit in the namespaces of containerd is found, and what it builds runs.
func rootlessBuild(t *testing.T, u *rootlessUser) {
	for _, file := range []string{"Wasmfile", "greet.wasm"} {
		u.write(t, filepath.Join("home/greet", file), readFile(t, filepath.Join(example("greet"), file)))
	}
	fails(t, []string{"install-buildkit-containerd"}, u.wasm("build", "-q", "-t", "greet", "greet")...)
	u.startBuildkitd(t)
	must(t, u.wasm("build", "-q", "-t", "greet", "greet")...)
	if out := must(t, u.wasm("run", "--rm", "greet", "you")...); out != "Hello, you!" {
		t.Errorf("it says %q", out)
	}
	if names := strings.Fields(must(t, u.wasm("images", "--format", "{{.Repository}}")...)); !slices.Contains(names, "greet") {
		t.Errorf("images shows %q", names)
	}
}
