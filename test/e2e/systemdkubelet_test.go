package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestSystemdKubelet: given a machine with cgroup version 2 and AppArmor, whose systemd
// makes the cgroups, the kubelet runs guests as it runs native containers.
func TestSystemdKubelet(t *testing.T) {
	onlyBy(t, "test-systemd-kubelet")
	web, two := publish(t, "http"), publishTwo(t)
	c := startClusterHere(t)
	for _, test := range []struct {
		name string
		run  func(*testing.T)
	}{
		{"the documented pod", func(t *testing.T) { c.documentedPod(t, web) }},
		{"slices", func(t *testing.T) { c.slices(t, two) }},
		{"AppArmor", func(t *testing.T) { c.profiles(t, two) }},
		{"pods that end", func(t *testing.T) { c.podsThatEnd(t, two) }},
		{"out of memory", func(t *testing.T) { c.outOfMemory(t, two) }},
		{"a probe that fails", func(t *testing.T) { c.failingProbe(t, web) }},
		{"an end that takes time", func(t *testing.T) { c.gracefulEnd(t, web) }},
	} {
		t.Run(test.name, test.run)
	}
}

// startClusterHere starts a cluster whose node is this machine, without kube-proxy and
// with the sandbox's containerd, which knows the shim. The machine ends after the test.
func startClusterHere(t *testing.T) *cluster {
	t.Helper()
	for _, line := range []string{
		"modprobe dummy", "ip link add uplink type dummy", "ip address add 192.0.2.2/24 dev uplink",
		"ip link set uplink up", "ip route add default via 192.0.2.1",
	} {
		must(t, strings.Fields(line)...)
	}
	// The kubelet wants to know how fast the processor is, which User Mode Linux does
	// not tell.
	cpu := filepath.Join(t.TempDir(), "cpuinfo")
	if err := os.WriteFile(cpu, []byte(readFile(t, "/proc/cpuinfo")+"cpu MHz\t\t: 1000.000\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	must(t, "mount", "--bind", cpu, "/proc/cpuinfo")
	c := &cluster{t: t, dir: t.TempDir(), name: unique("node"), node: thisNode(t)}
	t.Cleanup(c.end)
	c.startAPI()
	c.startKubelet(object{"cgroupDriver": "systemd"})
	c.apply(t, readFile(t, "../../deploy/kubernetes/runtimeclass.yaml"))
	must(t, c.kubectl("label", "node", c.name, "wasmfile.github.io/shim=true")...)
	return c
}

// slices: given a pod with limits, its guest is in a scope of the pod's slice, and
// systemd holds both to them, also when they are changed.
func (c *cluster) slices(t *testing.T, guest string) {
	limits := object{"memory": "64Mi", "cpu": "500m"}
	c.run(t, "limited", encode(t, c.guestPod("limited", object{
		"image": guest, "args": []string{"sleep", "3000"}, "resources": object{"limits": limits},
	})))
	c.ready(t, "limited")
	pid := filepath.Base(c.pid(t, "limited", "guest"))
	unit := unitOf(t, pid)
	slice := property(t, unit, "Slice")
	uid := strings.ReplaceAll(c.field("pod/limited", "{.metadata.uid}"), "-", "_")
	if !strings.HasPrefix(unit, "cri-containerd-") || slice != "kubepods-pod"+uid+".slice" {
		t.Errorf("it is in %s of %s", unit, slice)
	}
	hasMemory := func(want string) bool {
		return limit(t, pid, "memory", "memory.limit_in_bytes", "memory.max") == want &&
			property(t, unit, "MemoryMax") == want && property(t, slice, "MemoryMax") == want
	}
	if !hasMemory("67108864") {
		t.Errorf("systemd limits the memory to %s and the pod's to %s", property(t, unit, "MemoryMax"), property(t, slice, "MemoryMax"))
	}
	if cpu := property(t, unit, "CPUQuotaPerSecUSec"); cpu != "500ms" {
		t.Errorf("of a second of processor time it has %s", cpu)
	}
	limits["memory"] = "96Mi"
	patch := object{"spec": object{"containers": []object{{"name": "guest", "resources": object{"limits": limits, "requests": limits}}}}}
	must(t, c.kubectl("patch", "pod", "limited", "--subresource", "resize", "--patch", encode(t, patch))...)
	eventually(t, 60*time.Second, "another limit", func() bool { return hasMemory("100663296") })
	if restarts := c.field("pod/limited", "{.status.containerStatuses[0].restartCount}"); restarts != "0" {
		t.Errorf("it was restarted %s times", restarts)
	}
}

// profiles: given pods with and without a profile of AppArmor's, their guests have
// theirs and containerd's.
func (c *cluster) profiles(t *testing.T, guest string) {
	own := loadProfile(t)
	for name, profile := range map[string]struct {
		asked object
		want  string
	}{
		"default-profile": {object{"type": "RuntimeDefault"}, "cri-containerd.apparmor.d (enforce)"},
		"own-profile":     {object{"type": "Localhost", "localhostProfile": own}, own + " (enforce)"},
	} {
		pod := c.guestPod(name, object{"image": guest, "args": []string{"sleep", "3000"}})
		pod["spec"].(object)["securityContext"] = object{"appArmorProfile": profile.asked}
		c.run(t, name, encode(t, pod))
		c.ready(t, name)
		confined(t, filepath.Base(c.pid(t, name, "guest")), profile.want)
	}
}
