package e2e

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// volume is a directory as the kubelet makes it of a ConfigMap or a Secret:
// each key is a symbolic link through ..data, which is one to a directory of
// this version's files.
type volume struct {
	t       *testing.T
	dir     string
	version int
}

// newVolume makes a volume of these keys, which are its files.
func newVolume(t *testing.T, keys map[string]string) *volume {
	t.Helper()
	v := &volume{t: t, dir: t.TempDir()}
	v.update(keys)
	for key := range keys {
		if err := os.Symlink("..data/"+key, filepath.Join(v.dir, key)); err != nil {
			t.Fatal(err)
		}
	}
	return v
}

// update replaces the files, all at once.
func (v *volume) update(keys map[string]string) {
	v.t.Helper()
	v.version++
	name := fmt.Sprintf("..2026_11_24_00_00_%02d.1", v.version)
	if err := os.Mkdir(filepath.Join(v.dir, name), 0o755); err != nil {
		v.t.Fatal(err)
	}
	for key, content := range keys {
		if err := os.WriteFile(filepath.Join(v.dir, name, key), []byte(content), 0o644); err != nil {
			v.t.Fatal(err)
		}
	}
	next := filepath.Join(v.dir, "..data_tmp")
	if err := os.Symlink(name, next); err != nil {
		v.t.Fatal(err)
	}
	if err := os.Rename(next, filepath.Join(v.dir, "..data")); err != nil {
		v.t.Fatal(err)
	}
}

// mount is the volume, as the kubelet asks the CRI for it.
func (v *volume) mount(path string) object {
	return object{"host_path": v.dir, "container_path": path, "readonly": true}
}

// TestPodVolumes: given a ConfigMap, a Secret, a token and the file of a
// termination message, mounted as the kubelet mounts them, the guest sees them
// and nothing else, can change only what it may, and sees an update while it
// runs.
func TestPodVolumes(t *testing.T) {
	ref := publishTwo(t)
	must(t, "crictl", "pull", ref)
	p := newPod(t)
	config := newVolume(t, map[string]string{"app.toml": "colour = 'blue'", "other": "x"})
	secret := newVolume(t, map[string]string{"password": "s3cret"})
	token := newVolume(t, map[string]string{"token": "t0ken"})
	message := filepath.Join(write(t, map[string]string{"message": ""}), "message")
	mounts := object{"mounts": []object{
		config.mount("/etc/config"), secret.mount("/etc/secret"), token.mount("/var/run/secrets/kubernetes.io/serviceaccount"),
		{"host_path": message, "container_path": "/dev/termination-log"},
	}}
	start := func(name string, args ...string) string {
		more := object{"args": args}
		maps.Copy(more, mounts)
		return p.start(name, ref, more)
	}

	id := start("watch", "watch", "/etc/config/app.toml")
	logs := func() string { return p.do("logs", id) }
	eventually(t, 20*time.Second, "the first version", func() bool { return logs() == "colour = 'blue'" })
	for _, c := range []struct{ verb, path, want string }{
		{"read", "/etc/secret/password", "s3cret"},
		{"read", "/etc/config/..data/other", "x"},
		{"read", "/var/run/secrets/kubernetes.io/serviceaccount/token", "t0ken"},
	} {
		if out := p.do("exec", "--sync", id, "a", c.verb, c.path); strings.TrimSpace(out) != c.want {
			t.Errorf("%s %s: %q", c.verb, c.path, out)
		}
	}
	for _, path := range []string{"/etc/config/app.toml", "/etc/secret/password", "/etc/secret/new", "/etc/config/..data/other"} {
		if r := try(t, "crictl", "exec", "--sync", id, "a", "write", path, "y"); r.code == 0 {
			t.Errorf("the guest can write %s", path)
		}
	}
	p.do("exec", "--sync", id, "a", "write", "/dev/termination-log", "done")
	if text, err := os.ReadFile(message); string(text) != "done" {
		t.Errorf("the termination message is %q, %v", text, err)
	}

	want := []string{
		"/", "/dev", "/dev/termination-log", "/etc", "/etc/config", "/etc/config/..2026_11_24_00_00_01.1",
		"/etc/config/..2026_11_24_00_00_01.1/app.toml", "/etc/config/..2026_11_24_00_00_01.1/other",
		"/etc/config/..data", "/etc/config/app.toml", "/etc/config/other", "/etc/hosts", "/etc/resolv.conf",
		"/etc/secret", "/etc/secret/..2026_11_24_00_00_01.1", "/etc/secret/..2026_11_24_00_00_01.1/password",
		"/etc/secret/..data", "/etc/secret/password", "/var", "/var/run", "/var/run/secrets", "/var/run/secrets/kubernetes.io",
		"/var/run/secrets/kubernetes.io/serviceaccount", "/var/run/secrets/kubernetes.io/serviceaccount/..2026_11_24_00_00_01.1",
		"/var/run/secrets/kubernetes.io/serviceaccount/..2026_11_24_00_00_01.1/token",
		"/var/run/secrets/kubernetes.io/serviceaccount/..data", "/var/run/secrets/kubernetes.io/serviceaccount/token",
	}
	got := strings.Fields(p.do("exec", "--sync", id, "a", "walk", "/"))
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("the guest sees\n%s\nnot\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}

	config.update(map[string]string{"app.toml": "colour = 'green'", "other": "x"})
	eventually(t, 20*time.Second, "the second version", func() bool { return logs() == "colour = 'blue'\ncolour = 'green'" })
	p.do("stop", "--timeout", "0", id)
}

// TestPodOfArtifactWithFiles: given an artifact that has files besides its
// component, a CRI that pulls by the transfer service does not unpack them, which
// the documentation says, and a pod has them once they were unpacked by what does:
// a pull into Kubernetes' namespace, or a volume of the same image.
func TestPodOfArtifactWithFiles(t *testing.T) {
	unpack := map[string]func(ref string) object{"a volume of the image": func(ref string) object {
		return object{"mounts": []object{{"container_path": "/image", "image": object{"image": ref}, "readonly": true}}}
	}}
	for name, pull := range map[string][]string{
		"nerdctl wasm pull": {"nerdctl", "--namespace", "k8s.io", "wasm", "pull", "-q"},
		"ctr images pull":   {"ctr", "--namespace", "k8s.io", "images", "pull", "--local", "--plain-http", "--platform", "wasip2/wasm"},
	} {
		unpack[name] = func(ref string) object {
			must(t, append(pull, ref)...)
			return nil
		}
	}
	for name, unpack := range unpack {
		t.Run(name, func(t *testing.T) {
			ref := publishWithFiles(t)
			p := newPod(t)
			p.do("pull", ref)
			fails(t, []string{"parent snapshot", "does not exist"}, p.create("files", ref, readsMotd(nil))...)
			p.readsMotd(p.start("files", ref, readsMotd(unpack(ref))))
		})
	}
}

// TestPodPulledByTheCRI: given a CRI that pulls by itself, and not by the transfer
// service, its pods run artifacts too, with their files, and images whose component is a
// file, for no platform of a machine.
func TestPodPulledByTheCRI(t *testing.T) {
	const section = "[plugins.'io.containerd.cri.v1.images']\n"
	c := startContainerd(t, "", func(config string) string {
		return strings.Replace(config, section, section+"  use_local_image_pull = true\n", 1)
	})
	ref := publishWithFiles(t)
	p := newPod(t, c.crictl()...)
	p.do("pull", ref)
	p.readsMotd(p.start("files", ref, readsMotd(nil)))
	for name, ref := range map[string]string{"artifact": publishGuest(t, "exit"), "file": pushClassic(t, "exit", "wasip2/wasm")} {
		p.do("pull", ref)
		id := p.start(name, ref, nil)
		p.ends(id)
		if code := p.status(id, "exitCode"); code != "7" {
			t.Errorf("%s: exit code %s, not 7: %s", name, code, p.do("logs", id))
		}
	}
}

// publishWithFiles publishes an artifact of the probe, a component with an export
// and files that no other image has, and so nobody has unpacked.
func publishWithFiles(t *testing.T) string {
	t.Helper()
	return publishDir(t, unique("files"), write(t, map[string]string{
		"guest.wasm": string(guest(t, "probe.component")), "add.wasm": string(guest(t, "add")), "motd": unique("hello"),
		"Wasmfile": "FROM scratch\nCOPY motd /srv/motd\nCOMPONENT guest.wasm add.wasm\nENTRYPOINT [\"guest\"]\n",
	}))
}

// readsMotd is the configuration of a container that prints a file of its image.
func readsMotd(more object) object {
	config := object{"args": []string{"read", "/srv/motd"}}
	maps.Copy(config, more)
	return config
}

func (p *pod) readsMotd(id string) {
	p.t.Helper()
	p.ends(id)
	if out := p.do("logs", id); !strings.HasPrefix(out, "hello") {
		p.t.Errorf("the guest prints %q", out)
	}
}
