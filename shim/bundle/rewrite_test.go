package bundle_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/wasmfile/wasmfile/shim/bundle"
)

var update = flag.Bool("update", false, "write the golden files")

// links are the symbolic links of the image of these tests.
func links(destination string) (string, error) {
	if rest, ok := strings.CutPrefix(destination, "/var/run/"); ok {
		return "/run/" + rest, nil
	}
	if rest, ok := strings.CutPrefix(destination, "/var/link"); ok {
		return "/real" + rest, nil
	}
	return destination, nil
}

// process is what the engine runs in these tests: it has a flag for each
// directory.
func process(dirs []bundle.Directory) (args, env []string) {
	args = []string{"/engine/wasmtime", "run"}
	for _, d := range dirs {
		args = append(args, "--dir", d.Path+"::"+d.Name)
	}
	return append(args, "/engine/component.cwasm"), []string{"A=b"}
}

func container(rootfs string) bundle.Container {
	return bundle.Container{
		Root: "/bundle/engine-root", Rootfs: rootfs, Engine: "/state/engines/0123", Code: "/content/blobs/sha256/4567", Exec: "/bundle/engine-exec",
		Process: process, Resolve: links,
		IsDirectory: func(source string) bool {
			return !strings.HasSuffix(source, "hosts") && !strings.HasSuffix(source, "resolv.conf") && !strings.HasSuffix(source, "/1/log")
		},
	}
}

// Annotations by which a container would tell crun which files of the host to
// write to, or to run WebAssembly itself, are not handed on.
func TestRewriteKeepsOrdersFromRuntime(t *testing.T) {
	spec, err := bundle.Read("testdata/rewrite/docker")
	if err != nil {
		t.Fatal(err)
	}
	spec.Annotations = map[string]string{
		"run.oci.hooks.stdout": "/etc/passwd", "run.oci.handler": "wasm", "module.wasm.image/variant": "compat", "run.ocicats": "kept",
	}
	if err := bundle.Rewrite(spec, container(spec.Root.Path)); err != nil {
		t.Fatal(err)
	}
	if len(spec.Annotations) != 1 || spec.Annotations["run.ocicats"] != "kept" {
		t.Errorf("handed on: %v", spec.Annotations)
	}
}

// Given a client's config.json, this is the one that runs the engine.
func TestRewrite(t *testing.T) {
	cases, err := filepath.Glob("testdata/rewrite/*")
	if err != nil || len(cases) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, dir := range cases {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			spec, err := bundle.Read(dir)
			if err != nil {
				t.Fatal(err)
			}
			c := container(spec.Root.Path)
			c.BindsLowPort = filepath.Base(dir) == "low-port"
			c.Network, c.NoConnections = filepath.Base(dir) == "kubernetes", filepath.Base(dir) == "docker"
			if err := bundle.Rewrite(spec, c); err != nil {
				t.Fatal(err)
			}
			var got bytes.Buffer
			encoder := json.NewEncoder(&got)
			encoder.SetIndent("", "  ")
			if err := encoder.Encode(spec); err != nil {
				t.Fatal(err)
			}
			golden := filepath.Join(dir, "golden.json")
			if *update {
				if err := os.WriteFile(golden, got.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if got.String() != string(want) {
				t.Errorf("the rewritten config differs from %s; it is\n%s", golden, got.String())
			}
		})
	}
}

// Whatever a user mounts, and wherever the image's links lead it, the engine
// and the code come after it.
func TestEngineIsMountedLast(t *testing.T) {
	for _, destination := range []string{"/engine", "/engine/wasmtime", "/engine/lib", "/data"} {
		spec := minimal(specs.Mount{Destination: destination, Type: "bind", Source: "/evil"})
		c := container("rootfs")
		c.Resolve = func(string) (string, error) { return "/../engine/lib", nil }
		if err := bundle.Rewrite(spec, c); err != nil {
			t.Fatal(err)
		}
		n := len(spec.Mounts)
		if got := spec.Mounts[n-2].Destination; got != bundle.EngineDir {
			t.Errorf("mount at %s: the last mount but one is at %s", destination, got)
		}
		if got := spec.Mounts[n-1].Destination; got != bundle.CodePath {
			t.Errorf("mount at %s: the last mount is at %s", destination, got)
		}
		for _, m := range spec.Mounts[:n-2] {
			if m.Source == "/evil" && !strings.HasPrefix(m.Destination, bundle.GuestDir+"/") {
				t.Errorf("mount at %s went to %s, outside the guest", destination, m.Destination)
			}
		}
	}
}

func TestRefusedMounts(t *testing.T) {
	failure := errors.New("too many links")
	cases := map[string]struct {
		resolve func(string) (string, error)
		want    error
	}{
		"over the guest's root": {func(string) (string, error) { return "/..", nil }, bundle.ErrInvalid},
		"where nothing leads":   {func(string) (string, error) { return "", failure }, failure},
	}
	for name, c := range cases {
		spec := minimal(specs.Mount{Destination: "/data", Type: "bind", Source: "/srv"})
		container := container("rootfs")
		container.Resolve = c.resolve
		err := bundle.Rewrite(spec, container)
		if !errors.Is(err, c.want) || !strings.Contains(err.Error(), "/data") {
			t.Errorf("a mount %s gives %v", name, err)
		}
	}
}

func minimal(mounts ...specs.Mount) *specs.Spec {
	return &specs.Spec{Root: &specs.Root{}, Process: &specs.Process{}, Linux: &specs.Linux{}, Mounts: mounts}
}
