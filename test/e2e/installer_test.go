package e2e

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// installerImage builds and pushes the image of deploy/kubernetes.
func installerImage(t *testing.T) string {
	t.Helper()
	ref := registry() + "/wasmfile/installer:test"
	repo, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	publishOnce(ref, func() {
		must(t, "docker", "buildx", "build", filepath.Join(repo, "bin"), "--progress", "quiet",
			"-f", filepath.Join(repo, "deploy", "kubernetes", "Dockerfile"), "--build-arg", "BASE="+busybox(),
			"--build-context", "engine="+filepath.Dir(os.Getenv("WASMFILE_ENGINE")),
			"--build-context", "scripts="+filepath.Join(repo, "deploy", "kubernetes"),
			"--provenance=false", "-o", "type=image,push=true,name="+ref)
	})
	return ref
}

// TestInstaller: given a node's root, the installer's image puts shim, engine,
// handler and the way to pull there, again without a change, and takes them away,
// leaving what others configured.
func TestInstaller(t *testing.T) {
	ref := installerImage(t)
	must(t, "docker", "pull", "-q", ref)
	const images = "[plugins.'io.containerd.cri.v1.images']\n"
	verifier := "opt/containerd/image-verifier/bin/check"
	for name, c := range map[string]struct {
		before string // containerd's configuration, none when empty
		file   string // something else on the node
		plugin string // which has the handlers
		local  bool   // the CRI is to pull
	}{
		"none":              {"", "", "io.containerd.cri.v1.runtime", true},
		"version 4":         {"version = 4\n", "", "io.containerd.cri.v1.runtime", true},
		"version 3":         {"version = 3\n[grpc]\n  address = '/run/x.sock'\n", "", "io.containerd.cri.v1.runtime", true},
		"version 2":         {"version = 2\n[grpc]\n  address = '/run/x.sock'\n", "", "io.containerd.grpc.v1.cri", true},
		"the table":         {"version = 3\n" + images + "  use_local_image_pull = false\n  snapshotter = 'native'\n[ttrpc]\n", "", "io.containerd.cri.v1.runtime", true},
		"a table in it":     {"version = 3\n[plugins.\"io.containerd.cri.v1.images\".registry]\n  config_path = '/x'\n", "", "io.containerd.cri.v1.runtime", true},
		"a verifier":        {"version = 3\n", verifier, "io.containerd.cri.v1.runtime", false},
		"another directory": {"version = 3\n[plugins.'io.containerd.image-verifier.v1.bindir']\n  bin_dir = '/verify'\n", "verify/check", "io.containerd.cri.v1.runtime", false},
		"no verifier":       {"version = 3\n[plugins.'io.containerd.image-verifier.v1.bindir']\n  bin_dir = '/verify'\n", verifier, "io.containerd.cri.v1.runtime", true},
		"a template":        {"{{ template \"base\" . }}\n", "", "io.containerd.cri.v1.runtime", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			files := map[string]string{"etc/containerd/config.toml": c.before}
			if c.file != "" {
				files[c.file] = ""
			}
			host := write(t, files)
			config := filepath.Join(host, "etc", "containerd", "config.toml")
			if c.before == "" {
				must(t, "rm", config)
			}
			run := func(verb string) {
				must(t, "docker", "run", "--rm", "-e", "RESTART=", "-e", "LOCAL_PULL=true", "-v", host+":/host", ref, verb)
			}
			run("install")
			installed := readFile(t, config)
			if !strings.Contains(installed, "[plugins.'"+c.plugin+"'.containerd.runtimes.wasmfile]") {
				t.Errorf("the configuration is\n%s", installed)
			}
			if got := strings.Contains(installed, "\n  use_local_image_pull = true\n"); got != c.local {
				t.Errorf("the CRI is to pull: %t, by\n%s", got, installed)
			}
			if !strings.Contains(installed, "{{") { // containerd understands it.
				dump := must(t, "containerd", "--config", config, "config", "dump")
				if !strings.Contains(dump, "io.containerd.wasmfile.v1") || strings.Contains(dump, "use_local_image_pull = true") != c.local {
					t.Errorf("containerd understands\n%s", dump)
				}
			}
			if run("install"); readFile(t, config) != installed {
				t.Errorf("installed twice, the configuration is\n%s", readFile(t, config))
			}
			bin := filepath.Join(host, "usr", "local", "bin")
			must(t, filepath.Join(bin, "containerd-shim-wasmfile-v1"), "-v")
			must(t, filepath.Join(bin, "wasmtime"), "--version")
			run("uninstall")
			if c.before == "" {
				if _, err := os.Stat(config); err == nil {
					t.Errorf("left is\n%s", readFile(t, config))
				}
			} else if after := readFile(t, config); after != c.before {
				t.Errorf("uninstalled, the configuration is\n%s", after)
			}
			if left, err := os.ReadDir(bin); err != nil || len(left) > 0 {
				t.Errorf("left in %s: %v, %v", bin, left, err)
			}
		})
	}
}

// TestInstallerDropIn: given a configuration that imports a directory, as k3s
// generates it, the installer adds a file there, which changes nothing but what it is
// about, and takes the file away.
func TestInstallerDropIn(t *testing.T) {
	ref := installerImage(t)
	must(t, "docker", "pull", "-q", ref)
	host := t.TempDir()
	config, dropIn := filepath.Join(host, "config.toml"), filepath.Join(host, "config.d", "wasmfile.toml")
	generated := "version = 3\nimports = ['" + host + "/config.d/*.toml']\n[plugins.'io.containerd.cri.v1.images']\n  snapshotter = 'native'\n"
	if err := os.WriteFile(config, []byte(generated), 0o644); err != nil {
		t.Fatal(err)
	}
	run := func(verb string) (dump string) {
		must(t, "docker", "run", "--rm", "-e", "RESTART=", "-e", "LOCAL_PULL=true", "-e", "CONFIG=/config.d/wasmfile.toml", "-v", host+":/host", ref, verb)
		return must(t, "containerd", "--config", config, "config", "dump")
	}
	installed := run("install")
	for _, setting := range []string{"snapshotter = 'native'", "use_local_image_pull = true", "io.containerd.wasmfile.v1"} {
		if !strings.Contains(installed, setting) {
			t.Errorf("containerd does not understand %s: %s", setting, installed)
		}
	}
	if after := run("uninstall"); strings.Contains(after, "wasmfile.v1") || strings.Contains(after, "use_local_image_pull = true") {
		t.Errorf("uninstalled, containerd understands\n%s", after)
	}
	if _, err := os.Stat(dropIn); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("left is %s: %v", dropIn, err)
	}
}

// TestInstallerRestartsContainerd: given a node on which containerd cannot be
// restarted at first, the installer says so, and restarts it when it is run
// again, once.
func TestInstallerRestartsContainerd(t *testing.T) {
	ref, host := installerImage(t), t.TempDir()
	must(t, "docker", "pull", "-q", ref)
	busybox, err := exec.LookPath("busybox")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(host, "bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	must(t, "cp", busybox, filepath.Join(host, "bin", "sh"))
	install := func(restart string) []string {
		return []string{"docker", "run", "--rm", "-e", "RESTART=" + restart, "-v", host + ":/host", ref}
	}
	restarts := func() string { return readFile(t, filepath.Join(host, "restarts")) }
	fails(t, []string{"`exit 3` failed on the node"}, install("exit 3")...)
	for range 2 {
		must(t, install("echo restarted >>/restarts")...)
		if got := restarts(); got != "restarted\n" {
			t.Errorf("the restarts are %q", got)
		}
	}
	left, err := filepath.Glob(filepath.Join(host, "etc", "containerd", "*"))
	if err != nil || len(left) != 1 {
		t.Errorf("left are %q, %v", left, err)
	}
}
