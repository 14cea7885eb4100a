package e2e

import (
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
	must(t, "docker", "buildx", "build", filepath.Join(repo, "bin"), "--progress", "quiet",
		"-f", filepath.Join(repo, "deploy", "kubernetes", "Dockerfile"), "--build-arg", "BASE="+busybox(),
		"--build-context", "engine="+filepath.Dir(os.Getenv("WASMFILE_ENGINE")),
		"--build-context", "scripts="+filepath.Join(repo, "deploy", "kubernetes"),
		"--provenance=false", "-o", "type=image,push=true,name="+ref)
	return ref
}

// TestInstaller: given a node's root, the installer's image puts shim, engine
// and handler there, again without a change, and takes them away, leaving
// what others configured.
func TestInstaller(t *testing.T) {
	ref := installerImage(t)
	must(t, "docker", "pull", "-q", ref)

	for version, plugin := range map[string]string{"3": "io.containerd.cri.v1.runtime", "2": "io.containerd.grpc.v1.cri"} {
		host := t.TempDir()
		config := filepath.Join(host, "etc", "containerd", "config.toml")
		if err := os.MkdirAll(filepath.Dir(config), 0o755); err != nil {
			t.Fatal(err)
		}
		before := "version = " + version + "\n[grpc]\n  address = '/run/x.sock'\n"
		if err := os.WriteFile(config, []byte(before), 0o644); err != nil {
			t.Fatal(err)
		}
		run := func(verb string) string {
			t.Helper()
			must(t, "docker", "run", "--rm", "-e", "RESTART=", "-v", host+":/host", ref, verb)
			content, err := os.ReadFile(config)
			if err != nil {
				t.Fatal(err)
			}
			return string(content)
		}
		installed := run("install")
		if !strings.HasPrefix(installed, before) || !strings.Contains(installed, "[plugins.'"+plugin+"'.containerd.runtimes.wasmfile]") {
			t.Errorf("the configuration is\n%s", installed)
		}
		if again := run("install"); again != installed {
			t.Errorf("installed twice, the configuration is\n%s", again)
		}
		if version == "3" {
			// containerd takes the runtime from it.
			if dump := must(t, "containerd", "--config", config, "config", "dump"); !strings.Contains(dump, "io.containerd.wasmfile.v1") {
				t.Errorf("containerd understands\n%s", dump)
			}
		}
		bin := filepath.Join(host, "usr", "local", "bin")
		must(t, filepath.Join(bin, "containerd-shim-wasmfile-v1"), "-v")
		must(t, filepath.Join(bin, "wasmtime"), "--version")
		if after := run("uninstall"); after != before {
			t.Errorf("uninstalled, the configuration is\n%s", after)
		}
		if left, err := os.ReadDir(bin); err != nil || len(left) > 0 {
			t.Errorf("left in %s: %v, %v", bin, left, err)
		}
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
	restarts := func() string {
		log, err := os.ReadFile(filepath.Join(host, "restarts"))
		if err != nil {
			t.Fatal(err)
		}
		return string(log)
	}
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
