package bundle_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/wasmfile/wasmfile/shim/bundle"
)

func TestReadRefuses(t *testing.T) {
	cases := map[string]string{
		"empty":      "",
		"an array":   "[]",
		"truncated":  `{"process":{"args":["a"`,
		"no process": `{"root":{"path":"rootfs"},"linux":{}}`,
		"no root":    `{"process":{},"linux":{}}`,
		"not linux":  `{"process":{},"root":{"path":"rootfs"}}`,
		"too large":  `{"process":{},"root":{},"linux":{}}` + strings.Repeat(" ", 16<<20),
		"wrong type": `{"process":{"args":"sh"},"root":{},"linux":{}}`,
	}
	for name, content := range cases {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := bundle.Read(dir); !errors.Is(err, bundle.ErrInvalid) {
			t.Errorf("a config that is %s gives %v", name, err)
		}
	}
}

func TestReadDoesNotFollowLinks(t *testing.T) {
	dir, elsewhere := t.TempDir(), t.TempDir()
	target := filepath.Join(elsewhere, "config.json")
	if err := os.WriteFile(target, []byte(`{"process":{},"root":{},"linux":{}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, filepath.Join(dir, "config.json")); err != nil {
		t.Fatal(err)
	}
	if _, err := bundle.Read(dir); err == nil {
		t.Error("a config.json that is a symbolic link was read")
	}
}

func TestWriteThenRead(t *testing.T) {
	dir := t.TempDir()
	spec := minimal()
	spec.Process.Args = []string{"a", "b"}
	if err := bundle.Write(dir, spec); err != nil {
		t.Fatal(err)
	}
	got, err := bundle.Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Join(got.Process.Args, " ") != "a b" {
		t.Errorf("the arguments came back as %q", got.Process.Args)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("the bundle holds %v, %v", entries, err)
	}
}

func TestMakeRoot(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "root")
	mounts := []specs.Mount{{Destination: "/etc/hosts"}, {Destination: "etc/../etc/resolv.conf"}, {Destination: "/data"}, {Destination: "/etc/passwd"}}
	for range 2 {
		if err := bundle.MakeRoot(dir, mounts); err != nil {
			t.Fatal(err)
		}
	}
	for _, p := range []string{"guest", "engine", "exec", "proc", "dev", "sys", "etc/hosts", "etc/resolv.conf"} {
		info, err := os.Lstat(filepath.Join(dir, p))
		if err != nil {
			t.Error(err)
		} else if info.IsDir() == strings.HasPrefix(p, "etc/") {
			t.Errorf("%s has mode %s", p, info.Mode())
		}
	}
	for _, p := range []string{"etc/hostname", "etc/passwd", "data"} {
		if _, err := os.Lstat(filepath.Join(dir, p)); err == nil {
			t.Errorf("%s is there, which nothing is mounted at", p)
		}
	}
}
