package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestKubelet: given a node whose containerd does not know the shim, the
// installer's pod puts it there, and then a kubelet runs guests as it runs
// native containers.
func TestKubelet(t *testing.T) {
	onlyBy(t, "test-kubelet")
	installer, web, two := installerImage(t), publish(t, "http"), publishTwo(t)
	bin := t.TempDir()
	t.Setenv("WASMFILE_ENGINE", "") // The one that is installed is to be used.
	c := startCluster(t, bin, withoutHandler)
	c.install(t, bin, installer)
	for name, test := range map[string]func(*testing.T){
		"the documented pod":     func(t *testing.T) { c.documentedPod(t, web) },
		"configuration":          func(t *testing.T) { c.configuration(t, two) },
		"pods that end":          func(t *testing.T) { c.podsThatEnd(t, two) },
		"restarts":               func(t *testing.T) { c.restarts(t, two) },
		"a probe that fails":     func(t *testing.T) { c.failingProbe(t, web) },
		"an end that takes time": func(t *testing.T) { c.gracefulEnd(t, web) },
	} {
		t.Run(name, test)
	}
}

// withoutHandler is a configuration of containerd without the runtime handler.
func withoutHandler(config string) string {
	before, _, _ := strings.Cut(config, "  [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.wasmfile]\n")
	_, after, _ := strings.Cut(config, "\n\n[plugins.'io.containerd.transfer.v1.local']")
	return before + "\n[plugins.'io.containerd.transfer.v1.local']" + after
}

// install runs the pod of the installer's DaemonSet on the node, for this
// containerd, which is started again once the installer has ended it.
func (c *cluster) install(t *testing.T, bin, image string) {
	t.Helper()
	var set struct{ Spec struct{ Template object } }
	decode(t, readFile(t, "../../deploy/kubernetes/installer.yaml"), &set)
	pod := set.Spec.Template
	pod["apiVersion"], pod["kind"], pod["metadata"] = "v1", "Pod", object{"name": "installer"}
	spec := pod["spec"].(object)
	containerd := c.containerd.process
	spec["initContainers"].([]any)[0].(object)["env"] = []object{
		{"name": "BIN_DIR", "value": bin},
		{"name": "CONFIG", "value": filepath.Join(c.containerd.dir, "config.toml")},
		{"name": "RESTART", "value": fmt.Sprintf("kill %d", containerd.Process.Pid)},
	}
	spec["containers"].([]any)[0].(object)["image"] = registry() + "/library/pause:wasmfile"
	manifest := c.onNode(t, encode(t, pod), map[string]string{"REGISTRY/wasmfile/installer:VERSION": image})
	must(t, c.kubectl("label", "node", c.node, "wasmfile.github.io/shim=true")...)
	c.run(t, "installer", manifest)
	ended := make(chan error, 1)
	go func() { ended <- containerd.Wait() }()
	select {
	case <-ended:
	case <-time.After(90 * time.Second):
		t.Fatalf("the installer did not end containerd: %s", must(t, c.kubectl("describe", "pod", "installer")...))
	}
	c.containerd.start()
	c.ready(t, "installer")
	if out := must(t, c.kubectl("logs", "installer", "-c", "install")...); out != "install: done" {
		t.Errorf("the installer says %q", out)
	}
	c.apply(t, readFile(t, "../../deploy/kubernetes/runtimeclass.yaml"))
}

// documentedPod: given the pod of the documentation, its guest answers to the
// kubelet's probes and to the sidecar, and has its limits.
func (c *cluster) documentedPod(t *testing.T, web string) {
	pod := blocks(t, "../../docs/kubernetes.md", "yaml")[0]
	c.run(t, "web", c.onNode(t, pod, map[string]string{"registry.example/http": web, "image: busybox": "image: " + busybox()}))
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
		raw := must(t, c.kubectl("get", "--raw", "/api/v1/nodes/"+c.node+"/proxy/stats/summary")...)
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
	manifest := c.onNode(t, readFile(t, "testdata/kubernetes/app.yaml"), map[string]string{"GUEST": guest, "NATIVE": busybox()})
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
	c.apply(t, strings.Replace(manifest, `"blue"`, `"green"`, 1))
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
		"grows":    {object{"args": []string{"alloc", "200"}}, "", "Failed 137 OOMKilled "},
	} {
		e.container["image"], e.container["resources"] = guest, object{"limits": object{"memory": "64Mi"}}
		pod := c.guestPod(name, e.container)
		pod["spec"].(object)["restartPolicy"] = "Never"
		c.run(t, name, c.onNode(t, encode(t, pod), nil))
		var ended string
		eventually(t, 60*time.Second, name+" to end", func() bool {
			const state = ".status.containerStatuses[0].state.terminated"
			ended = c.field("pod/"+name, "{.status.phase} {"+state+".exitCode} {"+state+".reason} {"+state+".message}")
			return strings.HasPrefix(ended, "Succeeded") || strings.HasPrefix(ended, "Failed")
		})
		if ended != e.ended {
			t.Errorf("%s ends with %q, not %q", name, ended, e.ended)
		}
		if out := must(t, c.kubectl("logs", name)...); name != "grows" && out != e.log {
			t.Errorf("%s logs %q", name, out)
		}
	}
}

// restarts: given a guest that fails, the kubelet starts it again, and again
// later.
func (c *cluster) restarts(t *testing.T, guest string) {
	c.run(t, "restarts", c.onNode(t, encode(t, c.guestPod("restarts", object{"image": guest, "command": []string{"b"}})), nil))
	eventually(t, 90*time.Second, "two restarts", func() bool {
		const status = ".status.containerStatuses[0]"
		got := c.field("pod/restarts", "{"+status+".restartCount} {"+status+".lastState.terminated.exitCode}")
		return got == "2 7"
	})
}

// failingProbe: given a served component whose liveness cannot be told, the
// kubelet asks it to end, which it does, and starts it again.
func (c *cluster) failingProbe(t *testing.T, web string) {
	c.run(t, "unwell", c.onNode(t, encode(t, c.guestPod("unwell", object{"image": web, "livenessProbe": object{
		"httpGet": object{"path": "/", "port": 9999}, "periodSeconds": 1, "failureThreshold": 2,
	}})), nil))
	eventually(t, 90*time.Second, "a restart", func() bool {
		const status = ".status.containerStatuses[0]"
		got := c.field("pod/unwell", "{"+status+".restartCount} {"+status+".lastState.terminated.exitCode}")
		return got == "1 0"
	})
}

// gracefulEnd: given a served component, its pod ends long before the kubelet
// would kill it, and nothing of it is left.
func (c *cluster) gracefulEnd(t *testing.T, web string) {
	c.run(t, "ends", c.onNode(t, encode(t, c.guestPod("ends", object{"image": web})), nil))
	c.ready(t, "ends")
	uid := c.field("pod/ends", "{.metadata.uid}")
	container := strings.TrimPrefix(c.field("pod/ends", "{.status.containerStatuses[0].containerID}"), "containerd://")
	begun := time.Now()
	must(t, c.kubectl("delete", "pod", "ends", "--grace-period", "60", "--timeout", "90s")...)
	if took := time.Since(begun); took > 30*time.Second {
		t.Errorf("of a minute it takes %s", took)
	}
	eventually(t, 60*time.Second, "nothing left", func() bool { return len(traces(t, []string{uid, container})) == 0 })
}

// guestPod is a pod of one container.
func (c *cluster) guestPod(name string, container object) object {
	container["name"] = "guest"
	return object{
		"apiVersion": "v1", "kind": "Pod", "metadata": object{"name": name},
		"spec": object{"runtimeClassName": "wasmfile", "containers": []object{container}},
	}
}

// pid is the process of a pod's container.
func (c *cluster) pid(t *testing.T, pod, container string) string {
	t.Helper()
	id := strings.TrimPrefix(c.field("pod/"+pod, `{.status.containerStatuses[?(@.name=="`+container+`")].containerID}`), "containerd://")
	return must(t, append(c.containerd.crictl(), "inspect", "-o", "go-template", "--template", "{{.info.pid}}", id)...)
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func encode(t *testing.T, value any) string {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
