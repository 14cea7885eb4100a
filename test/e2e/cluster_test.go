package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// cluster is a Kubernetes of one node: etcd, an API server with the controllers and
// the scheduler, and a node with a kubelet and kube-proxy.
type cluster struct {
	t          *testing.T
	dir, name  string // name: of the node
	node       *node
	api        string // the API server's URL
	kubeconfig string
	daemons    []*exec.Cmd
}

// startCluster starts a cluster whose node does not have the shim.
func startCluster(t *testing.T) *cluster {
	t.Helper()
	const kubelet = "/var/lib/kubelet"
	if _, err := os.Stat(kubelet); err == nil {
		t.Fatalf("there is %s: this machine is a node of a cluster, and the rules of two kube-proxies would disturb each other", kubelet)
	}
	keepKernelSettings(t)
	c := &cluster{t: t, dir: t.TempDir(), name: unique("node")}
	t.Cleanup(c.removeNode)
	c.node = startNode(t)
	t.Cleanup(c.end)
	c.startAPI()
	c.startProxy()
	for _, controller := range cgroupControllers(t) {
		if err := os.MkdirAll(filepath.Join(controller, c.name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	c.startKubelet(object{"cgroupDriver": "cgroupfs", "cgroupRoot": "/" + c.name})
	return c
}

// keepKernelSettings gives the kernel back what a kubelet changes in it.
func keepKernelSettings(t *testing.T) {
	t.Helper()
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
}

const apiToken = "administrator"

// startAPI starts etcd, the API server, the controllers and the scheduler. Everybody
// who has the token may do everything.
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
		"--endpoint-reconciler-type", "none", "--kubelet-preferred-address-types", "InternalIP")
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
	c.start("kube-controller-manager", "--kubeconfig", c.kubeconfig, "--leader-elect=false", "--secure-port", "0",
		"--service-account-private-key-file", key, "--root-ca-file", filepath.Join(c.dir, "certificates", "apiserver.crt"))
	c.start("kube-scheduler", "--kubeconfig", c.kubeconfig, "--leader-elect=false", "--secure-port", "0")
}

// startProxy starts kube-proxy on the node.
func (c *cluster) startProxy() {
	c.t.Helper()
	// It is to leave the kernel's settings alone.
	c.node.start("kube-proxy", "--kubeconfig", c.kubeconfig, "--proxy-mode", "iptables", "--hostname-override", c.name,
		"--healthz-bind-address", "127.0.0.1:"+freePort(c.t), "--metrics-bind-address", "127.0.0.1:"+freePort(c.t),
		"--iptables-localhost-nodeports=false", "--conntrack-max-per-core", "0", "--conntrack-min", "0",
		"--conntrack-tcp-timeout-established", "0", "--conntrack-tcp-timeout-close-wait", "0")
}

// startKubelet starts the kubelet, with settings of its own, and waits for its node.
func (c *cluster) startKubelet(settings object) {
	c.t.Helper()
	config := object{
		"apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration",
		"containerRuntimeEndpoint": "unix://" + c.node.address,
		"enforceNodeAllocatable":   []string{"none"}, "failSwapOn": false,
		"authentication": object{"anonymous": object{"enabled": true}, "webhook": object{"enabled": false}},
		"authorization":  object{"mode": "AlwaysAllow"},
		"port":           json.Number(freePort(c.t)), "healthzPort": 0, "makeIPTablesUtilChains": false,
		"podLogsDir": filepath.Join(c.dir, "logs"), "volumePluginDir": filepath.Join(c.dir, "plugins"),
		"registerNode": true, "serializeImagePulls": false,
		// A change of a ConfigMap is to be seen soon, and a full disk is not this test's.
		"syncFrequency": "2s", "nodeStatusUpdateFrequency": "2s", "imageGCHighThresholdPercent": 100,
		"evictionHard": object{"memory.available": "1Mi", "nodefs.available": "0%", "nodefs.inodesFree": "0%", "imagefs.available": "0%", "imagefs.inodesFree": "0%"},
	}
	maps.Copy(config, settings)
	c.node.start("kubelet", "--config", c.write("kubelet.yaml", encode(c.t, config)), "--kubeconfig", c.kubeconfig,
		"--root-dir", filepath.Join(c.dir, "kubelet"), "--cert-dir", filepath.Join(c.dir, "kubelet-certificates"),
		// Where it takes statistics from.
		"--containerd", c.node.address, "--hostname-override", c.name)
	eventually(c.t, 2*time.Minute, "a node that is ready", func() bool {
		return c.field("node/"+c.name, `{.status.conditions[?(@.type=="Ready")].status}`) == "True"
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

// replaced is a manifest with texts replaced, all of which have to be there.
func replaced(t *testing.T, manifest string, replace map[string]string) string {
	t.Helper()
	for old, text := range replace {
		if !strings.Contains(manifest, old) {
			t.Fatalf("%q is not in\n%s", old, manifest)
		}
		manifest = strings.ReplaceAll(manifest, old, text)
	}
	return manifest
}

// timeout has kubectl wait, within is as for eventually.
func timeout(t *testing.T, within time.Duration) string {
	t.Helper()
	return "--timeout=" + (within * patience(t)).String()
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
		if out, err := untimed(c.kubectl("delete", "pod", pod, "--ignore-not-found", "--grace-period", "1", timeout(t, 60*time.Second))...); err != nil {
			t.Errorf("delete: %v: %s", err, out)
		}
	})
}

// applied is apply for objects of several kinds, which are deleted with the test.
func (c *cluster) applied(t *testing.T, manifest string) {
	t.Helper()
	c.apply(t, manifest)
	t.Cleanup(func() {
		if t.Failed() {
			out, _ := untimed(c.kubectl("describe", "pods,jobs")...)
			t.Logf("%s", out)
		}
		remove := exec.Command("kubectl", c.kubectl("delete", "-f", "-", "--cascade=foreground", timeout(t, 90*time.Second))[1:]...)
		remove.Stdin = strings.NewReader(manifest)
		if out, err := remove.CombinedOutput(); err != nil {
			t.Errorf("delete: %v: %s", err, out)
		}
	})
}

// ready waits until a pod is ready.
func (c *cluster) ready(t *testing.T, pod string) {
	t.Helper()
	must(t, c.kubectl("wait", "--for=condition=Ready", timeout(t, 90*time.Second), "pod/"+pod)...)
}

// end kills the control plane: what it keeps goes with the test.
func (c *cluster) end() {
	for _, daemon := range slices.Backward(c.daemons) {
		_ = daemon.Process.Kill()
		_ = daemon.Wait()
		if c.t.Failed() {
			logEnd(c.t, c.log(filepath.Base(daemon.Path)))
		}
	}
}

// removeNode removes what a node that has ended left to the machine: kube-proxy's
// rules and the kubelet's cgroups.
func (c *cluster) removeNode() {
	if out, err := untimed("kube-proxy", "--cleanup"); err != nil {
		c.t.Errorf("remove the rules of kube-proxy: %v: %s", err, out)
	}
	for _, family := range []string{"iptables", "ip6tables"} {
		// It makes this chain for kubelets that would, and leaves it to them.
		for _, rule := range []string{"-D INPUT -j KUBE-FIREWALL", "-D OUTPUT -j KUBE-FIREWALL", "-F KUBE-FIREWALL", "-X KUBE-FIREWALL"} {
			if out, err := untimed(append([]string{family, "-w"}, strings.Fields(rule)...)...); err != nil {
				c.t.Errorf("%s %s: %v: %s", family, rule, err, out)
			}
		}
		if rules, err := untimed(family + "-save"); err != nil || strings.Contains(string(rules), "KUBE-") {
			c.t.Errorf("left are the rules, %v:\n%s", err, rules)
		}
	}
	for _, controller := range cgroupControllers(c.t) {
		if err := removeCgroups(filepath.Join(controller, c.name)); err != nil {
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
