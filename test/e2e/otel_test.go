package e2e

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
)

// TestTraces: given OpenTelemetry's variables in containerd's environment, what
// the shim does for a container comes as spans, below containerd's own, with
// what the container is and nothing that the guest was given.
func TestTraces(t *testing.T) {
	const secret, token = "s3cr3t-of-the-guest", "t0ken"
	ref := publishSleeper(t)
	spans := startCollector(t)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", spans.url)
	t.Setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-token="+token)
	t.Setenv("OTEL_SERVICE_NAME", "edge")
	c := startContainerd(t, "", unchanged)
	c.pull(ref)
	id := unique("traced")
	c.run(ref, id, "a", "sleep", "300")
	if r := try(t, c.ctr("tasks", "exec", "--exec-id", "once", id, "b")...); r.code != 7 {
		t.Errorf("the exec ends with %d: %s", r.code, r.all())
	}
	create := spans.await("create", id)
	if done, _ := spans.find(func(s span) bool { return s.name == "run" }); done.name != "" {
		t.Errorf("the guest runs, and its span is there: %+v", done)
	}
	must(t, c.ctr("tasks", "kill", "-s", "SIGTERM", id)...)
	eventually(t, 10*time.Second, "the end of "+id, func() bool { return c.task(id)[1] == "STOPPED" })
	must(t, c.ctr("tasks", "rm", id)...)
	must(t, c.ctr("containers", "rm", id)...)

	digests := map[string]string{}
	for name, key := range map[string]string{"sleep": "a", "exit": "b"} {
		digests[key] = digest.FromBytes(guest(t, name)).String()
	}
	attributes := map[string]string{
		"container.id": id, "container.runtime.name": "containerd", "containerd.namespace": "default",
		"container.image.name": ref, "oci.manifest.digest": manifestDigest(t, c, ref),
		"io.github.wasmfile.component.name": "a.wasm", "io.github.wasmfile.component.digest": digests["a"],
	}
	all := map[string]span{"create": create}
	for _, name := range []string{"start", "exec", "run", "delete"} {
		all[name] = spans.await(name, id)
	}
	for name, s := range all {
		for key, want := range attributes {
			switch {
			case name != "exec":
			case key == "io.github.wasmfile.component.name":
				want = "b.wasm"
			case key == "io.github.wasmfile.component.digest":
				want = digests["b"]
			}
			if s.attributes[key] != want {
				t.Errorf("%s has %s %q, not %q", name, key, s.attributes[key], want)
			}
		}
		if s.service != "edge" || s.server != (name != "run") || s.failed != (name == "run") {
			t.Errorf("%s is %+v", name, s)
		}
	}
	if got := all["run"].attributes["process.exit.code"]; got != "143" {
		t.Errorf("the guest ended with %q", got)
	}
	// containerd sends its own spans later.
	for name, method := range map[string]string{"create": "Create", "start": "Start", "exec": "Exec", "delete": "Delete"} {
		eventually(t, 20*time.Second, "containerd's span above "+name, func() bool {
			_, ok := spans.find(func(s span) bool {
				return s.id == all[name].parent && s.trace == all[name].trace && s.scope != shimScope && strings.HasSuffix(s.name, "/"+method)
			})
			return ok
		})
	}
	for above, component := range map[string]string{"create": "a", "exec": "b"} {
		compile, ok := spans.find(func(s span) bool { return s.name == "compile" && s.parent == all[above].id })
		if !ok || compile.attributes["io.github.wasmfile.component.digest"] != digests[component] || compile.trace != all[above].trace || compile.failed {
			t.Errorf("below %s is %v %+v", above, ok, compile)
		}
	}

	// What was compiled before has no such span, and secrets stay where they are.
	again := unique("again")
	must(t, c.ctr("run", "--rm", "--runtime", runtimeName, "--env", "SECRET="+secret, ref, again, "a", secret, "0")...)
	create = spans.await("create", again)
	spans.await("delete", again)
	if compile, ok := spans.find(func(s span) bool { return s.name == "compile" && s.parent == create.id }); ok {
		t.Errorf("it is compiled again: %+v", compile)
	}
	if spans.holds(secret) || spans.holds(token) {
		t.Error("a span has a secret in it")
	}
	spans.mu.Lock()
	defer spans.mu.Unlock()
	for _, got := range spans.tokens {
		if got != token {
			t.Errorf("a request came with the token %q", got)
		}
	}
}

// manifestDigest is the digest that a containerd has for an image.
func manifestDigest(t *testing.T, c *ownContainerd, ref string) string {
	t.Helper()
	for line := range strings.SplitSeq(must(t, c.ctr("images", "ls")...), "\n") {
		if words := strings.Fields(line); len(words) > 2 && words[0] == ref {
			return words[2]
		}
	}
	t.Fatalf("there is no image %s", ref)
	return ""
}

// shimEnvironment is containerd's configuration with variables for shims only.
func shimEnvironment(variables ...string) func(string) string {
	return func(config string) string {
		return config + "\n[plugins.'io.containerd.shim.v1.manager']\n  env = ['" + strings.Join(variables, "', '") + "']\n"
	}
}

// TestTracesOfFailures: given a container that cannot be created, and a guest that
// traps, their spans say that they failed, and not what the guest was given.
func TestTracesOfFailures(t *testing.T) {
	const secret = "s3cr3t-of-the-guest"
	two, traps := publishSleeper(t), publishGuest(t, "trap")
	spans := startCollector(t)
	c := startContainerd(t, "", shimEnvironment("OTEL_EXPORTER_OTLP_ENDPOINT="+spans.url))
	c.pull(two)
	c.pull(traps)
	none := unique("none")
	fails(t, []string{"a.wasm, b.wasm"}, c.ctr("run", "--rm", "--runtime", runtimeName, two, none, "nosuch", secret)...)
	if s := spans.await("create", none); !s.failed || s.attributes["error.type"] != "InvalidArgument" || s.attributes["container.image.name"] != two {
		t.Errorf("the span is %+v", s)
	}
	trap := unique("trap")
	if r := try(t, c.ctr("run", "--rm", "--runtime", runtimeName, traps, trap)...); r.code != 134 {
		t.Errorf("the trap ends with %d: %s", r.code, r.all())
	}
	if s := spans.await("run", trap); !s.failed || s.attributes["process.exit.code"] != "134" || s.service != "containerd-shim-wasmfile-v1" {
		t.Errorf("the span is %+v", s)
	}
	if s := spans.await("create", trap); s.failed || s.parent != "" {
		t.Errorf("without a trace of containerd's, the span is %+v", s)
	}
	fine := unique("fine")
	must(t, c.ctr("run", "--rm", "--runtime", runtimeName, two, fine, "a", "0")...)
	if s := spans.await("run", fine); s.failed || s.attributes["process.exit.code"] != "0" {
		t.Errorf("the span is %+v", s)
	}
	if spans.holds(secret) || spans.holds("nosuch") {
		t.Error("a span says what the guest was given")
	}
}

// TestCollectorHangs: given a collector that takes connections and never
// answers, containers run and end as without one, and what waits for it is
// bounded and ends.
func TestCollectorHangs(t *testing.T) {
	ref := publishGuest(t, "sleep")
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	endpoint := "OTEL_EXPORTER_OTLP_ENDPOINT=http://" + listener.Addr().String()
	c := startContainerd(t, "", shimEnvironment(endpoint))
	c.pull(ref)
	exporters := func() (n int) {
		for _, pid := range processesNamed("wasmfile-traces") {
			if environ, err := os.ReadFile(filepath.Join(pid, "environ")); err == nil && strings.Contains(string(environ), endpoint+"\x00") {
				n++
			}
		}
		return n
	}
	var most int
	for range 12 {
		began := time.Now()
		must(t, c.ctr("run", "--rm", "--runtime", runtimeName, ref, unique("slow"), "guest", "0")...)
		// One that waited would take the 10 s that an export has.
		if took := time.Since(began); took > 7*time.Second {
			t.Errorf("a run took %v", took)
		}
		most = max(most, exporters())
	}
	if most == 0 || most > 8 {
		t.Errorf("there were %d exports at one time", most)
	}
	eventually(t, 20*time.Second, "the end of all exports", func() bool { return exporters() == 0 })
}

// processesNamed are the directories in /proc of the processes of an
// executable.
func processesNamed(name string) (dirs []string) {
	all, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range all {
		if exe, err := os.Readlink(filepath.Join(dir, "exe")); err == nil && filepath.Base(exe) == name {
			dirs = append(dirs, dir)
		}
	}
	return dirs
}
