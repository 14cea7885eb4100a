package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
)

// cluster is a Kubernetes of one node: etcd, an API server, and a kubelet on a
// containerd of its own. There is no scheduler: pods name their node.
type cluster struct {
	t          *testing.T
	dir, node  string
	containerd *ownContainerd
	api        string // the API server's URL
	kubeconfig string
	daemons    []*exec.Cmd
}

// startCluster starts a cluster whose containerd has the configuration that edit
// makes, and path in front of its PATH.
func startCluster(t *testing.T, path string, edit func(config string) string) *cluster {
	t.Helper()
	keepKernelSettings(t)
	c := &cluster{t: t, dir: t.TempDir(), node: unique("node")}
	c.containerd = startContainerd(t, path, edit)
	t.Cleanup(c.end)
	c.startAPI()
	c.startKubelet()
	return c
}

// keepKernelSettings gives the kernel back what a kubelet changes in it.
func keepKernelSettings(t *testing.T) {
	t.Helper()
	if _, err := os.Stat(kubeletHome); err == nil {
		t.Fatalf("there is %s: this machine has a kubelet, and two would disturb each other", kubeletHome)
	}
	for _, name := range []string{"vm/overcommit_memory", "vm/panic_on_oom", "kernel/panic", "kernel/panic_on_oops", "kernel/keys/root_maxkeys", "kernel/keys/root_maxbytes"} {
		path := "/proc/sys/" + name
		before, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := os.WriteFile(path, before, 0o644); err != nil {
				t.Error(err)
			}
		})
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(kubeletHome); err != nil {
			t.Error(err)
		}
	})
}

// kubeletHome is where a kubelet listens for device plugins, whatever its root
// directory is.
const kubeletHome = "/var/lib/kubelet"

const apiToken = "administrator"

// startAPI starts etcd and the API server. Everybody who has the token may do
// everything.
func (c *cluster) startAPI() {
	c.t.Helper()
	etcd, peers, port := "http://127.0.0.1:"+freePort(c.t), "http://127.0.0.1:"+freePort(c.t), freePort(c.t)
	c.start("etcd", "--data-dir", filepath.Join(c.dir, "etcd"), "--unsafe-no-fsync", "--log-level", "warn",
		"--listen-client-urls", etcd, "--advertise-client-urls", etcd,
		"--listen-peer-urls", peers, "--initial-advertise-peer-urls", peers, "--initial-cluster", "default="+peers)
	key := filepath.Join(c.dir, "service-account.key")
	must(c.t, "openssl", "genrsa", "-out", key, "2048")
	tokens := c.write("tokens.csv", apiToken+",admin,admin,system:masters\n")
	c.api = "https://127.0.0.1:" + port
	c.start("kube-apiserver", "--etcd-servers", etcd, "--bind-address", "127.0.0.1", "--secure-port", port,
		"--cert-dir", filepath.Join(c.dir, "certificates"), "--token-auth-file", tokens, "--authorization-mode", "RBAC",
		"--service-account-issuer", "https://kubernetes.default.svc", "--service-account-signing-key-file", key,
		"--service-account-key-file", key, "--service-cluster-ip-range", "10.254.0.0/24", "--allow-privileged",
		"--endpoint-reconciler-type", "none", "--kubelet-preferred-address-types", "InternalIP",
		// Without a controller manager there are no service accounts.
		"--disable-admission-plugins", "ServiceAccount")
	c.kubeconfig = c.write("kubeconfig", `
apiVersion: v1
kind: Config
current-context: test
clusters: [{name: test, cluster: {server: "`+c.api+`", insecure-skip-tls-verify: true}}]
users: [{name: admin, user: {token: `+apiToken+`}}]
contexts: [{name: test, context: {cluster: test, user: admin, namespace: default}}]
`)
	eventually(c.t, 2*time.Minute, "the API server's start", func() bool {
		return try(c.t, c.kubectl("get", "--raw", "/readyz")...).code == 0 &&
			try(c.t, c.kubectl("get", "namespace", "default")...).code == 0
	})
}

// startKubelet starts the kubelet and waits for its node.
func (c *cluster) startKubelet() {
	c.t.Helper()
	for _, controller := range cgroupControllers(c.t) {
		if err := os.MkdirAll(filepath.Join(controller, c.node), 0o755); err != nil {
			c.t.Fatal(err)
		}
	}
	config, err := json.Marshal(object{
		"apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration",
		"containerRuntimeEndpoint": "unix://" + c.containerd.address,
		"cgroupDriver":             "cgroupfs", "cgroupRoot": "/" + c.node, "enforceNodeAllocatable": []string{"none"}, "failSwapOn": false,
		"authentication": object{"anonymous": object{"enabled": true}, "webhook": object{"enabled": false}},
		"authorization":  object{"mode": "AlwaysAllow"},
		"port":           json.Number(freePort(c.t)), "healthzPort": 0, "makeIPTablesUtilChains": false,
		"podLogsDir": filepath.Join(c.dir, "logs"), "volumePluginDir": filepath.Join(c.dir, "plugins"),
		"registerNode": true, "serializeImagePulls": false,
		// A change of a ConfigMap is to be seen soon, and a full disk is not this test's.
		"syncFrequency": "2s", "nodeStatusUpdateFrequency": "2s", "imageGCHighThresholdPercent": 100,
		"evictionHard": object{"memory.available": "1Mi", "nodefs.available": "0%", "nodefs.inodesFree": "0%", "imagefs.available": "0%", "imagefs.inodesFree": "0%"},
	})
	if err != nil {
		c.t.Fatal(err)
	}
	c.start("kubelet", "--config", c.write("kubelet.yaml", string(config)), "--kubeconfig", c.kubeconfig,
		"--root-dir", filepath.Join(c.dir, "kubelet"), "--cert-dir", filepath.Join(c.dir, "kubelet-certificates"),
		// Where it takes statistics from.
		"--containerd", c.containerd.address, "--hostname-override", c.node)
	eventually(c.t, 2*time.Minute, "a node that is ready", func() bool {
		return c.field("node/"+c.node, `{.status.conditions[?(@.type=="Ready")].status}`) == "True"
	})
}

// cgroupControllers are the roots of the machine's cgroup hierarchies.
func cgroupControllers(t *testing.T) []string {
	t.Helper()
	if _, err := os.Stat("/sys/fs/cgroup/cgroup.controllers"); err == nil {
		return []string{"/sys/fs/cgroup"}
	}
	controllers, err := filepath.Glob("/sys/fs/cgroup/*")
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(controllers, func(path string) bool {
		_, err := os.Stat(filepath.Join(path, "cgroup.procs"))
		return err != nil
	})
}

func (c *cluster) write(name, content string) (path string) {
	c.t.Helper()
	path = filepath.Join(c.dir, name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		c.t.Fatal(err)
	}
	return path
}

// start starts a daemon, which ends with the test.
func (c *cluster) start(args ...string) {
	c.t.Helper()
	log, err := os.Create(c.log(args[0]))
	if err != nil {
		c.t.Fatal(err)
	}
	defer log.Close()
	daemon := exec.Command(args[0], args[1:]...)
	daemon.Stdout, daemon.Stderr, daemon.Dir = log, log, c.dir
	if err := daemon.Start(); err != nil {
		c.t.Fatal(err)
	}
	c.daemons = append(c.daemons, daemon)
}

func (c *cluster) log(daemon string) string { return filepath.Join(c.dir, daemon+".log") }

// kubectl is a command line for the cluster.
func (c *cluster) kubectl(args ...string) []string {
	return append([]string{"kubectl", "--kubeconfig", c.kubeconfig}, args...)
}

// field is what a JSONPath finds in an object, nothing when it is not there.
func (c *cluster) field(name, path string) string {
	c.t.Helper()
	return try(c.t, c.kubectl("get", name, "-o", "jsonpath="+path)...).stdout
}

// apply creates or changes the objects of a manifest.
func (c *cluster) apply(t *testing.T, manifest string) {
	t.Helper()
	r := command{args: c.kubectl("apply", "-f", "-"), stdin: strings.NewReader(manifest)}.run(t)
	if r.code != 0 {
		t.Fatalf("apply: %s\n%s", r.all(), manifest)
	}
}

// onNode is a manifest with texts replaced, and with its pods on the node.
func (c *cluster) onNode(t *testing.T, manifest string, replace map[string]string) string {
	t.Helper()
	for old, text := range replace {
		if !strings.Contains(manifest, old) {
			t.Fatalf("%q is not in\n%s", old, manifest)
		}
		manifest = strings.ReplaceAll(manifest, old, text)
	}
	var whole []string
	for decoder := yaml.NewDecoder(strings.NewReader(manifest)); ; {
		var one object
		if err := decoder.Decode(&one); errors.Is(err, io.EOF) {
			return strings.Join(whole, "\n")
		} else if err != nil {
			t.Fatal(err)
		}
		if one["kind"] == "Pod" {
			one["spec"].(object)["nodeName"] = c.node
		}
		whole = append(whole, encode(t, one))
	}
}

// decode reads YAML.
func decode(t *testing.T, text string, into any) {
	t.Helper()
	if err := yaml.Unmarshal([]byte(text), into); err != nil {
		t.Fatal(err)
	}
}

// run is apply for a manifest of the pod, which is deleted with the test.
func (c *cluster) run(t *testing.T, pod, manifest string) {
	t.Helper()
	c.apply(t, manifest)
	t.Cleanup(func() {
		if t.Failed() {
			out, _ := untimed(c.kubectl("describe", "pod", pod)...)
			t.Logf("%s", out)
		}
		if out, err := untimed(c.kubectl("delete", "pod", pod, "--ignore-not-found", "--grace-period", "1", "--timeout", "60s")...); err != nil {
			t.Errorf("delete: %v: %s", err, out)
		}
	})
}

// ready waits until a pod is ready.
func (c *cluster) ready(t *testing.T, pod string) {
	t.Helper()
	must(t, c.kubectl("wait", "--for=condition=Ready", "--timeout", "90s", "pod/"+pod)...)
}

// end stops what was started, in the reverse order, and removes the node's
// cgroups.
func (c *cluster) end() {
	for _, daemon := range slices.Backward(c.daemons) {
		_ = daemon.Process.Signal(os.Interrupt)
		late := time.AfterFunc(30*time.Second, func() { _ = daemon.Process.Kill() })
		_ = daemon.Wait()
		late.Stop()
	}
	if out, err := untimed(append(c.containerd.crictl(), "rmp", "--all", "--force")...); err != nil {
		c.t.Errorf("remove the pods: %v: %s", err, out)
	}
	if c.t.Failed() {
		for _, daemon := range c.daemons {
			name := filepath.Base(daemon.Path)
			text, _ := os.ReadFile(c.log(name))
			lines := strings.Split(string(text), "\n")
			c.t.Logf("%s's log ends with\n%s", name, strings.Join(lines[max(0, len(lines)-20):], "\n"))
		}
	}
	// The kubelet mounts its directory on itself.
	if out, err := untimed("umount", "-R", filepath.Join(c.dir, "kubelet")); err != nil {
		c.t.Errorf("unmount: %v: %s", err, out)
	}
	for _, controller := range cgroupControllers(c.t) {
		if err := removeCgroups(filepath.Join(controller, c.node)); err != nil {
			c.t.Error(err)
		}
	}
}

// removeCgroups removes a cgroup and those below it, in which no process is.
func removeCgroups(root string) error {
	var paths []string
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() {
			paths = append(paths, path)
		}
		return err
	})
	for _, path := range slices.Backward(paths) {
		if removed := os.Remove(path); removed != nil && !errors.Is(removed, fs.ErrNotExist) {
			err = errors.Join(err, fmt.Errorf("remove the cgroup: %w", removed))
		}
	}
	return err
}
