package e2e

import (
	"encoding/json"
	"errors"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestKubelet: given a cluster whose node does not have the shim, the documented
// commands install it, and then Kubernetes runs guests as it runs native
// containers, until the documented commands take it away.
func TestKubelet(t *testing.T) {
	onlyBy(t, "test-kubelet")
	installer, web, two := installerImage(t), publish(t, "http"), publishTwo(t)
	c := startCluster(t)
	before := c.install(t, installer)
	for _, test := range []struct {
		name string
		run  func(*testing.T)
	}{
		{"the documented pod", func(t *testing.T) { c.documentedPod(t, web) }},
		{"configuration", func(t *testing.T) { c.configuration(t, two) }},
		{"pods that end", func(t *testing.T) { c.podsThatEnd(t, two) }},
		{"out of memory", func(t *testing.T) { c.outOfMemory(t, two) }},
		{"restarts", func(t *testing.T) { c.restarts(t, two) }},
		{"a probe that fails", func(t *testing.T) { c.failingProbe(t, web) }},
		{"an end that takes time", func(t *testing.T) { c.gracefulEnd(t, web) }},
		{"a deployment", func(t *testing.T) { c.deployment(t, web, publishGuest(t, "web")) }},
		{"jobs", func(t *testing.T) { c.jobs(t, two) }},
		{"files and exports", func(t *testing.T) { c.filesAndExports(t, publishWithFiles(t)) }},
		{"standard input", func(t *testing.T) { c.standardInput(t, two) }},
		{"a node that is drained", func(t *testing.T) { c.drained(t, publishGuest(t, "web")) }},
		{"uninstalled", func(t *testing.T) { c.uninstall(t, before) }},
	} {
		t.Run(test.name, test.run)
	}
}

// documented runs a block of commands of the documentation, in the repository, for
// this cluster.
func (c *cluster) documented(t *testing.T, heading string, variables ...string) {
	t.Helper()
	_, section, found := strings.Cut(readFile(t, "../../docs/kubernetes.md"), "\n## "+heading+"\n")
	section, _, _ = strings.Cut(section, "\n## ")
	shell := regexp.MustCompile("(?s)\n```shell\n(.*?)\n```\n").FindAllStringSubmatch(section, -1)
	if !found || len(shell) == 0 {
		t.Fatalf("no commands are below %q", heading)
	}
	// The last block: those before build the image.
	commands := strings.ReplaceAll(shell[len(shell)-1][1], "NODE", c.name)
	r := command{args: []string{"sh", "-euxc", commands}, dir: "../..", env: append(variables, "KUBECONFIG="+c.kubeconfig)}.run(t)
	if r.code != 0 {
		for _, about := range [][]string{{"describe", "pods"}, {"logs", "--selector", "app=wasmfile-installer", "--container", "install"}} {
			t.Logf("%s", try(t, c.kubectl(append(about, "--namespace", "kube-system")...)...).all())
		}
		t.Fatalf("%s: exit code %d\n%s", commands, r.code, r.all())
	}
}

// install installs the shim on the node, and returns the configuration of containerd
// before.
func (c *cluster) install(t *testing.T, image string) (before string) {
	t.Helper()
	before = readFile(t, c.node.file(containerdConfig))
	c.documented(t, "Install on all nodes", "INSTALLER="+image)
	if out := must(t, c.kubectl("--namespace", "kube-system", "logs", "daemonset/wasmfile-installer", "-c", "install")...); out != "install: done" {
		t.Errorf("the installer says %q", out)
	}
	return before
}

// containerdConfig is where containerd's configuration is on a node.
const containerdConfig = "/etc/containerd/config.toml"

// uninstall: given the documented commands, nothing is left on the node of what the
// installer put there, containerd's configuration is as before, and nothing is left in
// the cluster.
func (c *cluster) uninstall(t *testing.T, before string) {
	c.documented(t, "Uninstall")
	if after := readFile(t, c.node.file(containerdConfig)); after != before {
		t.Errorf("the configuration is\n%s", after)
	}
	for _, path := range []string{"/usr/local/bin/containerd-shim-wasmfile-v1", "/usr/local/bin/wasmfile-traces", "/usr/local/bin/wasmtime"} {
		if _, err := os.Stat(c.node.file(path)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s is left: %v", path, err)
		}
	}
	eventually(t, 60*time.Second, "the end of the installer's pod", func() bool {
		return must(t, c.kubectl("get", "pods,daemonsets,runtimeclasses", "--all-namespaces", "--output", "name")...) == ""
	})
	if labels := c.field("node/"+c.name, "{.metadata.labels}"); strings.Contains(labels, "wasmfile") {
		t.Errorf("the node has the labels %s", labels)
	}
	handlers := must(t, c.node.crictl("info", "--output", "json")...)
	if strings.Contains(handlers, "wasmfile.v1") {
		t.Errorf("containerd has the handler: %s", handlers)
	}
}

// documentedPod: given the pod of the documentation, its guest answers to the
// kubelet's probes and to the sidecar, and has its limits.
func (c *cluster) documentedPod(t *testing.T, web string) {
	pod := blocks(t, "../../docs/kubernetes.md", "yaml")[0]
	c.run(t, "web", replaced(t, pod, map[string]string{"registry.example/http": web, "image: busybox": "image: " + busybox()}))
	c.ready(t, "web")
	if status, body := get("http://" + c.field("pod/web", "{.status.podIP}") + ":8080/outside"); status != http.StatusOK || !strings.Contains(body, "/outside") {
		t.Errorf("it answers %d %q", status, body)
	}
	if out := must(t, c.kubectl("exec", "web", "-c", "log", "--", "wget", "-qO-", "http://127.0.0.1:8080/side")...); !strings.Contains(out, "/side") {
		t.Errorf("the sidecar gets %q", out)
	}
	if got := limit(t, c.pid(t, "web", "web"), "memory", "memory.limit_in_bytes", "memory.max"); got != "67108864" {
		t.Errorf("the limit of memory is %s", got)
	}
	eventually(t, 60*time.Second, "statistics", func() bool {
		var summary struct {
			Pods []struct {
				PodRef     struct{ Name string }
				Containers []struct {
					Name   string
					Memory struct{ WorkingSetBytes int64 }
				}
			}
		}
		raw := must(t, c.kubectl("get", "--raw", "/api/v1/nodes/"+c.name+"/proxy/stats/summary")...)
		if err := json.Unmarshal([]byte(raw), &summary); err != nil {
			t.Fatal(err)
		}
		for _, pod := range summary.Pods {
			for _, container := range pod.Containers {
				if pod.PodRef.Name == "web" && container.Name == "web" && container.Memory.WorkingSetBytes > 0 {
					return true
				}
			}
		}
		return false
	})
}

// configuration: given a ConfigMap, a Secret and a directory that the pod's
// containers share, a guest has them as variables and files, with the right to
// write of each, and sees a change while it runs.
func (c *cluster) configuration(t *testing.T, guest string) {
	manifest := replaced(t, readFile(t, "testdata/kubernetes/app.yaml"), map[string]string{"GUEST": guest, "NATIVE": busybox()})
	c.run(t, "app", manifest)
	c.ready(t, "app")
	exec := func(args ...string) result {
		return try(t, c.kubectl(append([]string{"exec", "app", "-c", "guest", "--", "a"}, args...)...)...)
	}
	for _, e := range []struct {
		args []string
		want string
	}{
		{[]string{"env", "COLOUR"}, "blue"},
		{[]string{"env", "PASSWORD"}, "s3cret"},
		{[]string{"env", "POD"}, "app"},
		{[]string{"read", "/etc/config/colour"}, "blue"},
		{[]string{"read", "/etc/secret/password"}, "s3cret"},
		{[]string{"read", "/scratch/prepared"}, "by a guest"},
		{[]string{"write", "/scratch/new", "x"}, ""},
	} {
		if r := exec(e.args...); r.code != 0 || strings.TrimSpace(r.stdout) != e.want {
			t.Errorf("%q: exit code %d, %q", e.args, r.code, r.all())
		}
	}
	for _, path := range []string{"/etc/config/colour", "/etc/config/new", "/etc/secret/password"} {
		if r := exec("write", path, "x"); r.code == 0 {
			t.Errorf("the guest can write %s", path)
		}
	}
	if out := must(t, c.kubectl("logs", "app", "-c", "native")...); out != "by a guest" {
		t.Errorf("the native container reads %q", out)
	}
	if r := try(t, c.kubectl("exec", "app", "-c", "guest", "--", "b")...); r.code != 7 {
		t.Errorf("the other component ends with %d: %s", r.code, r.all())
	}
	c.apply(t, replaced(t, manifest, map[string]string{"colour: blue": "colour: green"}))
	eventually(t, 90*time.Second, "the change", func() bool {
		return must(t, c.kubectl("logs", "app", "-c", "guest")...) == "blue\ngreen"
	})
}

// podsThatEnd: given a guest that ends, its pod's status says how, and has the
// message that the guest left.
func (c *cluster) podsThatEnd(t *testing.T, guest string) {
	for name, e := range map[string]struct {
		container  object
		log, ended string
	}{
		"succeeds": {object{"args": []string{"echo", "well"}}, "well", "Succeeded 0 Completed "},
		"fails":    {object{"command": []string{"b"}}, "", "Failed 7 Error "},
		"explains": {object{"args": []string{"write", "/dev/termination-log", "why"}}, "", "Succeeded 0 Completed why"},
	} {
		e.container["image"] = guest
		if ended := c.ends(t, name, e.container); ended != e.ended {
			t.Errorf("%s ends with %q, not %q", name, ended, e.ended)
		}
		if out := must(t, c.kubectl("logs", name)...); out != e.log {
			t.Errorf("%s logs %q", name, out)
		}
	}
}

// outOfMemory: given a guest that is over its limit of memory, its pod's status says
// so.
func (c *cluster) outOfMemory(t *testing.T, guest string) {
	toldOfKill(t, func(time.Duration) bool {
		ended := c.ends(t, unique("grows"), object{
			"image": guest, "args": []string{"alloc", "200"}, "resources": object{"limits": object{"memory": "64Mi"}},
		})
		if !strings.HasPrefix(ended, "Failed 137 ") {
			t.Errorf("it ends with %q", ended)
		}
		return ended == "Failed 137 OOMKilled "
	})
}

// ends is how a pod of one container, which is started once, ends: its phase, exit
// code, reason and message.
func (c *cluster) ends(t *testing.T, name string, container object) (ended string) {
	t.Helper()
	pod := c.guestPod(name, container)
	pod["spec"].(object)["restartPolicy"] = "Never"
	c.run(t, name, encode(t, pod))
	eventually(t, 60*time.Second, name+" to end", func() bool {
		const state = ".status.containerStatuses[0].state.terminated"
		ended = c.field("pod/"+name, "{.status.phase} {"+state+".exitCode} {"+state+".reason} {"+state+".message}")
		return strings.HasPrefix(ended, "Succeeded") || strings.HasPrefix(ended, "Failed")
	})
	return ended
}

// restarts: given a guest that fails, the kubelet starts it again, and again
// later.
func (c *cluster) restarts(t *testing.T, guest string) {
	c.run(t, "restarts", encode(t, c.guestPod("restarts", object{"image": guest, "command": []string{"b"}})))
	eventually(t, 90*time.Second, "two restarts", func() bool {
		const status = ".status.containerStatuses[0]"
		got := c.field("pod/restarts", "{"+status+".restartCount} {"+status+".lastState.terminated.exitCode}")
		return got == "2 7"
	})
}

// failingProbe: given a served component whose liveness cannot be told, the
// kubelet asks it to end, which it does, and starts it again.
func (c *cluster) failingProbe(t *testing.T, web string) {
	c.run(t, "unwell", encode(t, c.guestPod("unwell", object{"image": web, "livenessProbe": object{
		"httpGet": object{"path": "/", "port": 9999}, "periodSeconds": 1, "failureThreshold": 2,
	}})))
	eventually(t, 90*time.Second, "a restart", func() bool {
		const status = ".status.containerStatuses[0]"
		got := c.field("pod/unwell", "{"+status+".restartCount} {"+status+".lastState.terminated.exitCode}")
		return got == "1 0"
	})
}

// gracefulEnd: given a served component, its pod ends long before the kubelet
// would kill it, and nothing of it is left.
func (c *cluster) gracefulEnd(t *testing.T, web string) {
	c.run(t, "ends", encode(t, c.guestPod("ends", object{"image": web})))
	c.ready(t, "ends")
	uid := c.field("pod/ends", "{.metadata.uid}")
	unit := strings.ReplaceAll(uid, "-", "_") // as the name of a slice has it
	container := strings.TrimPrefix(c.field("pod/ends", "{.status.containerStatuses[0].containerID}"), "containerd://")
	grace, begun := time.Minute*patience(t), time.Now()
	must(t, c.kubectl("delete", "pod", "ends", "--grace-period", strconv.Itoa(int(grace.Seconds())), "--timeout", (grace+30*time.Second).String())...)
	if took := time.Since(begun); took > grace/2 {
		t.Errorf("of %s it takes %s", grace, took)
	}
	eventually(t, 60*time.Second, "nothing left", func() bool { return len(c.node.traces(uid, unit, container)) == 0 })
}

// guestPod is a pod of one container.
func (c *cluster) guestPod(name string, container object) object {
	container["name"] = "guest"
	return object{
		"apiVersion": "v1", "kind": "Pod", "metadata": object{"name": name},
		"spec": object{"runtimeClassName": "wasmfile", "containers": []object{container}},
	}
}

// pid is the process of a pod's container, as a path below /proc.
func (c *cluster) pid(t *testing.T, pod, container string) string {
	t.Helper()
	id := strings.TrimPrefix(c.field("pod/"+pod, `{.status.containerStatuses[?(@.name=="`+container+`")].containerID}`), "containerd://")
	inside := must(t, c.node.crictl("inspect", "-o", "go-template", "--template", "{{.info.pid}}", id)...)
	return filepath.Join(strconv.Itoa(c.node.pid), "root", "proc", inside)
}

func encode(t *testing.T, value any) string {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
