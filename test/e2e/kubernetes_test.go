package e2e

import (
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

type object = map[string]any

// pod is a Kubernetes pod, made through containerd's CRI.
type pod struct {
	t         *testing.T
	id, dir   string
	file, log string
	crictl    []string
}

// newPod makes a pod of the runtime handler wasmfile with a network of its
// own. It is removed with the test.
func newPod(t *testing.T, crictl ...string) *pod {
	t.Helper()
	if crictl == nil {
		crictl = []string{"crictl"}
	}
	return newPodOf(t, object{}, crictl)
}

// newPodOf is newPod with settings of Linux's.
func newPodOf(t *testing.T, linux object, crictl []string) *pod {
	t.Helper()
	name := unique("pod")
	p := &pod{t: t, dir: t.TempDir(), crictl: crictl}
	p.log = filepath.Join(p.dir, "log")
	p.file = p.write("pod.json", object{
		"metadata": object{"name": name, "namespace": "default", "uid": name}, "log_directory": p.log,
		"linux": linux,
	})
	p.id = p.do("runp", "--runtime", "wasmfile", p.file)
	t.Cleanup(func() { removePod(t, p) })
	return p
}

// podNetwork and nodeNetwork are the CRI's numbers of whose network a pod has.
const (
	podNetwork  = 0
	nodeNetwork = 2
)

// inNetwork are the settings of Linux's of a pod that has one of the networks.
func inNetwork(network int) object {
	return object{"security_context": object{"namespace_options": object{"network": network}}}
}

func (p *pod) write(name string, content object) string {
	p.t.Helper()
	path := filepath.Join(p.dir, name)
	if err := os.WriteFile(path, []byte(encode(p.t, content)), 0o600); err != nil {
		p.t.Fatal(err)
	}
	return path
}

func (p *pod) do(args ...string) string {
	p.t.Helper()
	return must(p.t, append(p.crictl[:len(p.crictl):len(p.crictl)], args...)...)
}

// start starts a container of an image that is there; more are fields of its
// configuration.
func (p *pod) start(name, ref string, more object) (id string) {
	p.t.Helper()
	id = must(p.t, p.create(name, ref, more)...)
	p.do("start", id)
	return id
}

// create is a command line that makes a container of an image that is there.
func (p *pod) create(name, ref string, more object) []string {
	p.t.Helper()
	config := object{"metadata": object{"name": name}, "image": object{"image": ref}, "log_path": name + ".log", "linux": object{}}
	maps.Copy(config, more)
	return append(p.crictl[:len(p.crictl):len(p.crictl)], "create", "--no-pull", p.id, p.write(name+".json", config), p.file)
}

// status is a field of a container's status.
func (p *pod) status(id, field string) string {
	p.t.Helper()
	return p.do("inspect", "-o", "go-template", "--template", "{{.status."+field+"}}", id)
}

func (p *pod) ends(id string) {
	p.t.Helper()
	eventually(p.t, 30*time.Second, "the end of a container", func() bool { return p.status(id, "state") == "CONTAINER_EXITED" })
}

func (p *pod) ip() string {
	p.t.Helper()
	return p.do("inspectp", "-o", "go-template", "--template", "{{.status.network.ip}}", p.id)
}

// removePod removes a pod after its test, whose context has ended.
func removePod(t *testing.T, p *pod) {
	t.Helper()
	if out, err := untimed(append(p.crictl[:len(p.crictl):len(p.crictl)], "rmp", "-f", p.id)...); err != nil {
		t.Errorf("remove a pod: %v: %s", err, out)
	}
}

// TestPodServesBesideASidecar: given a pod of a served component and a native
// sidecar, the sidecar reaches it on the loopback as a probe of the kubelet's
// reaches it on the pod's address, both share one shim, what they use is told,
// and it is asked to end before it is killed.
func TestPodServesBesideASidecar(t *testing.T) {
	ref := publish(t, "http")
	must(t, "crictl", "pull", ref)
	must(t, "crictl", "pull", busybox())
	p := newPod(t)
	web := p.start("web", ref, nil)
	sidecar := p.start("sidecar", busybox(), object{"command": []string{"sleep", "300"}})
	eventually(t, 20*time.Second, "an answer to the probe", func() bool {
		status, body := get("http://" + p.ip() + ":8080/")
		return status == http.StatusOK && body != ""
	})
	if out := p.do("exec", sidecar, "wget", "-qO-", "http://127.0.0.1:8080/side"); !strings.Contains(out, "/side") {
		t.Errorf("the sidecar gets %q", out)
	}
	pids := []string{p.do("inspect", "-o", "go-template", "--template", "{{.info.pid}}", web), p.do("inspect", "-o", "go-template", "--template", "{{.info.pid}}", sidecar)}
	if a, b := procField(t, pids[0], "status", "PPid:"), procField(t, pids[1], "status", "PPid:"); a != b {
		t.Errorf("the processes %v have the parents %s and %s", pids, a, b)
	}
	eventually(t, 20*time.Second, "statistics", func() bool {
		stats := p.do("stats", "-o", "json", "--id", web)
		return strings.Contains(stats, `"workingSetBytes"`) && strings.Contains(stats, web)
	})
	stopsInTime(t, "crictl", "stop", "--timeout", "10", web)
	if code := p.status(web, "exitCode"); code != "0" {
		t.Errorf("asked to end, it ends with %s", code)
	}
	if state := p.status(sidecar, "state"); state != "CONTAINER_RUNNING" {
		t.Errorf("the sidecar is %s", state)
	}
}

// TestPodConfiguration: given variables, a configuration and a secret as
// files, the guest sees them, and can change neither.
func TestPodConfiguration(t *testing.T) {
	ref := probe(t, "component")
	must(t, "crictl", "pull", ref)
	p := newPod(t)
	files := write(t, map[string]string{"config/app.toml": "colour = 'blue'\n", "secret/token": "s3cret"})
	mount := func(name string) object {
		return object{"host_path": filepath.Join(files, name), "container_path": "/etc/" + name, "readonly": true}
	}
	more := func(args ...string) object {
		return object{
			"args": args, "envs": []object{{"key": "COLOUR", "value": "green"}},
			"mounts": []object{mount("config"), mount("secret")},
		}
	}
	for i, c := range []struct {
		args []string
		want string
		code string
	}{
		{[]string{"env", "COLOUR"}, "green", "0"},
		{[]string{"read", "/etc/config/app.toml"}, "colour = 'blue'", "0"},
		{[]string{"read", "/etc/secret/token"}, "s3cret", "0"},
		{[]string{"write", "/etc/secret/token", "x"}, "", "1"},
	} {
		id := p.start(fmt.Sprintf("guest%d", i), ref, more(c.args...))
		p.ends(id)
		if out := p.do("logs", id); !strings.Contains(out, c.want) || p.status(id, "exitCode") != c.code {
			t.Errorf("%q: exit code %s, %q", c.args, p.status(id, "exitCode"), out)
		}
	}
}

// TestPodRestarts: given a container that fails, its code and log are told,
// and the next attempt runs in the same pod.
func TestPodRestarts(t *testing.T) {
	ref := probe(t, "module")
	must(t, "crictl", "pull", ref)
	p := newPod(t)
	for attempt := range 3 {
		id := p.start(fmt.Sprintf("guest-%d", attempt), ref, object{
			"metadata": object{"name": "guest", "attempt": attempt}, "args": []string{"exit", "7"},
		})
		p.ends(id)
		if code, reason := p.status(id, "exitCode"), p.status(id, "reason"); code != "7" || reason != "Error" {
			t.Errorf("attempt %d: exit code %s, %s", attempt, code, reason)
		}
	}
}

// TestPodOutOfMemory: given a guest over its limit, Kubernetes is told why it
// ended.
func TestPodOutOfMemory(t *testing.T) {
	ref := probe(t, "component")
	must(t, "crictl", "pull", ref)
	p := newPod(t)
	toldOfKill(t, func(within time.Duration) bool { return p.outgrows("guest", ref, within) })
}

// outgrows runs a guest that wants more than its limit of memory, and reports whether
// the pod is told within a time that it was killed for that: the event of it may come
// after that of the end.
func (p *pod) outgrows(name, ref string, within time.Duration) (told bool) {
	p.t.Helper()
	id := p.start(name, ref, object{
		"args": []string{"alloc", "200"}, "linux": object{"resources": object{"memory_limit_in_bytes": 32 << 20}},
	})
	p.ends(id)
	if code := p.status(id, "exitCode"); code != "137" {
		p.t.Errorf("over its memory, it ends with %s", code)
	}
	return holds(p.t, within, func() bool { return p.status(id, "reason") == "OOMKilled" })
}

// TestPodExecAndUpdate: given a running guest, an exec probe runs another
// component of its image, and its limits can be changed.
func TestPodExecAndUpdate(t *testing.T) {
	ref := publishTwo(t)
	must(t, "crictl", "pull", ref)
	p := newPod(t)
	id := p.start("guest", ref, object{"args": []string{"sleep", "300"}})
	if out := p.do("exec", "--sync", id, "a", "echo", "alive"); strings.TrimSpace(out) != "alive" {
		t.Errorf("the exec prints %q", out)
	}
	if r := try(t, "crictl", "exec", "--sync", id, "b"); r.code == 0 || !strings.Contains(r.all(), "exited with 7") {
		t.Errorf("a probe that fails ends with %d: %s", r.code, r.all())
	}
	fails(t, []string{"no program"}, "crictl", "exec", "--sync", id, "sh")
	p.do("update", "--memory", "67108864", id)
	pid := p.do("inspect", "-o", "go-template", "--template", "{{.info.pid}}", id)
	if got := limit(t, pid, "memory", "memory.limit_in_bytes", "memory.max"); got != "67108864" {
		t.Errorf("after an update, the limit of memory is %s", got)
	}
}

// TestManyPods: given many pods, made and removed some at a time, nothing is
// left of them.
func TestManyPods(t *testing.T) {
	ref := probe(t, "component")
	must(t, "crictl", "pull", ref)
	count := atScale(6, 300)
	var names []string
	var known sync.Mutex
	next := make(chan int)
	var workers sync.WaitGroup
	for range 3 {
		workers.Go(func() {
			for n := range next {
				t.Run(fmt.Sprint(n), func(t *testing.T) {
					p := newPod(t)
					ended, runs := p.start("guest", ref, object{"args": []string{"echo", "x"}}), p.start("server", ref, object{"args": []string{"sleep", "300"}})
					p.ends(ended)
					known.Lock()
					defer known.Unlock()
					names = append(names, p.id, ended, runs, filepath.Base(p.netns()))
				})
			}
		})
	}
	for n := range count {
		next <- n
	}
	close(next)
	workers.Wait()
	if len(names) != 4*count {
		t.Fatalf("of %d pods, %d names are known", count, len(names))
	}
	eventually(t, 20*time.Second, "nothing left", func() bool { return len(traces(t, names)) == 0 })
}

// netns is the file of a pod's network namespace.
func (p *pod) netns() string {
	p.t.Helper()
	return p.do("inspectp", "-o", "go-template", "--template",
		`{{range .info.runtimeSpec.linux.namespaces}}{{if eq .type "network"}}{{.path}}{{end}}{{end}}`, p.id)
}
