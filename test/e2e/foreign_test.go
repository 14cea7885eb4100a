package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/opencontainers/go-digest"
)

// TestForeignArtifacts: given artifacts that other tools make, in the forms
// and with the media types that they use, they are pulled and run.
func TestForeignArtifacts(t *testing.T) {
	greet := greetWasm(t)
	sum := digest.FromString(greet).String()
	dir := write(t, map[string]string{
		"greet.wasm": greet,
		"cncf.json":  `{"created":"2024-09-25T12:00:00Z","architecture":"wasm","os":"wasip2","layerDigests":["` + sum + `"],"component":{"exports":["wasi:cli/run@0.2.0"],"imports":[]}}`,
		"all.json":   `{"architecture":"wasm","os":"wasi","config":{"Entrypoint":["greet"]},"rootfs":{"type":"layers","diff_ids":["` + sum + `"]}}`,
	})
	const imageConfig = ":application/vnd.oci.image.config.v1+json"
	cases := map[string]struct {
		config, layer string
	}{
		"the CNCF form":                    {"cncf.json:application/vnd.wasm.config.v0+json", "application/wasm"},
		"a file alone":                     {"", "application/wasm"},
		"diff_ids that count all":          {"all.json" + imageConfig, componentType},
		"an older type of components":      {"all.json" + imageConfig, "application/vnd.w3c.wasm.component.v1+wasm"},
		"an older type of content":         {"all.json" + imageConfig, "application/vnd.wasm.content.layer.v1+wasm"},
		"another older type of content":    {"all.json" + imageConfig, "application/vnd.module.wasm.content.layer.v1+wasm"},
		"a type of modules on a component": {"all.json" + imageConfig, "application/vnd.w3c.wasm.module.v1+wasm"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			ref := registry() + "/foreign/" + unique("x") + ":latest"
			push := []string{"oras", "push", "--no-tty"}
			if c.config != "" {
				push = append(push, "--config", c.config)
			}
			if r := (command{args: append(push, ref, "greet.wasm:"+c.layer), dir: dir}).run(t); r.code != 0 {
				t.Fatal(r.all())
			}
			defer try(t, "nerdctl", "rmi", "-f", ref)
			if out := must(t, append(wasmRun(ref), "you")...); out != "Hello, you!" {
				t.Errorf("it prints %q", out)
			}
			if out := must(t, "nerdctl", "wasm", "inspect", "--format", "{{len .Components}}", ref); out != "1" {
				t.Errorf("it has %s components", out)
			}
		})
	}
}

// TestForeignArtifactAtOnce: given an artifact that nerdctl cannot create a container of
// as it is, many can be run at once, and nothing is left.
func TestForeignArtifactAtOnce(t *testing.T) {
	ref := registry() + "/foreign/" + unique("x") + ":latest"
	push := command{args: []string{"oras", "push", "--no-tty", ref, "greet.wasm:application/wasm"}, dir: example("greet")}
	if r := push.run(t); r.code != 0 {
		t.Fatal(r.all())
	}
	defer try(t, "nerdctl", "rmi", "-f", ref)
	must(t, "nerdctl", "wasm", "pull", "-q", ref)
	var running sync.WaitGroup
	for range 8 {
		running.Go(func() {
			if r := try(t, append(wasmRun("--net", "none", ref), "you")...); r.code != 0 || r.stdout != "Hello, you!\n" {
				t.Errorf("it ends with %d: %s", r.code, r.all())
			}
		})
	}
	running.Wait()
	if names := must(t, "ctr", "images", "ls", "-q"); strings.Contains(names, strings.TrimSuffix(ref, "latest")+"wasmfile-") {
		t.Errorf("left are %s", names)
	}
}

// TestForeignFiles: given an artifact with files whose diff_ids count all layers, as
// BuildKit's exporters do, the guest has the files, and cp copies them.
func TestForeignFiles(t *testing.T) {
	dir := write(t, map[string]string{"etc/note": "from the layer\n", "guest.wasm": string(guest(t, "probe.component"))})
	must(t, "tar", "-C", dir, "-cf", filepath.Join(dir, "files.tar"), "etc")
	sum := func(name string) digest.Digest { return digest.FromString(readFile(t, filepath.Join(dir, name))) }
	config := fmt.Sprintf(`{"architecture":"wasm","os":"wasip2","config":{"Entrypoint":["guest"]},"rootfs":{"type":"layers","diff_ids":[%q,%q]}}`,
		sum("guest.wasm"), sum("files.tar"))
	if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(config), 0o644); err != nil {
		t.Fatal(err)
	}
	ref := registry() + "/foreign/" + unique("files") + ":latest"
	push := command{dir: dir, args: []string{
		"oras", "push", "--no-tty", "--config", "config.json:application/vnd.oci.image.config.v1+json", ref,
		"guest.wasm:" + componentType, "files.tar:application/vnd.oci.image.layer.v1.tar",
	}}
	if r := push.run(t); r.code != 0 {
		t.Fatal(r.all())
	}
	must(t, "nerdctl", "wasm", "pull", "-q", ref)
	defer try(t, "nerdctl", "rmi", "-f", ref)
	to := filepath.Join(dir, "copied")
	must(t, "nerdctl", "wasm", "cp", ref+":/etc/note", to)
	if content, err := os.ReadFile(to); err != nil || string(content) != "from the layer\n" {
		t.Errorf("the note is %q, %v", content, err)
	}
	if out := must(t, append(wasmRun(ref), "read", "/etc/note")...); out != "from the layer" {
		t.Errorf("the guest reads %q", out)
	}
}

// TestIndexWithNativeImages: given an index that has a Wasm manifest beside a
// native one, the Wasm one is taken, and what runs of the native one is no guest.
func TestIndexWithNativeImages(t *testing.T) {
	ref := registry() + "/foreign/index:latest"
	must(t, "docker", "buildx", "imagetools", "create", "-t", ref, busybox(), publish(t, "greet"))
	defer try(t, "nerdctl", "rmi", "-f", ref)
	if out := must(t, append(wasmRun(ref), "nerdctl")...); out != "Hello, nerdctl!" {
		t.Errorf("nerdctl wasm run prints %q", out)
	}
	out := must(t, "docker", "run", "--rm", "--quiet", "--runtime", runtimeName, "--platform", "wasip2/wasm", ref, "docker")
	if out != "Hello, docker!" {
		t.Errorf("docker run prints %q", out)
	}
	name := unique("native")
	must(t, "nerdctl", "run", "-d", "-q", "--net", "none", "--name", name, ref, "sleep", "300")
	defer removeGuest(t, "nerdctl", name)
	if out := must(t, "nerdctl", "wasm", "ps", "--format", "{{.Names}}"); strings.Contains(out, name) {
		t.Errorf("a native container is listed:\n%s", out)
	}
}
