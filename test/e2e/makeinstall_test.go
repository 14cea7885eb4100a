package e2e

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// TestMakeInstall: given a directory with files of others, and the PATH that sudo gives,
// `make install` puts programs there that run, and `make uninstall` leaves what was there
// before.
func TestMakeInstall(t *testing.T) {
	dest := t.TempDir()
	prefix := filepath.Join(dest, "opt")
	for _, name := range []string{"bin/nerdctl", "share/man/man1/nerdctl.1"} {
		file := filepath.Join(prefix, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, nil, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	before := filesBelow(t, dest)
	run := func(target string) {
		t.Helper()
		must(t, "env", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "make", "-C", "../..", target, "DESTDIR="+dest, "PREFIX=/opt")
	}
	run("install")
	must(t, filepath.Join(prefix, "lib/wasmfile/nerdctl"), "wasm", "version")
	must(t, filepath.Join(prefix, "bin/containerd-shim-wasmfile-v1"), "-v")
	installed := filesBelow(t, dest)
	for _, name := range []string{"share/man/man1/nerdctl-wasm-run.1", "share/bash-completion/completions/nerdctl-wasm"} {
		if !slices.Contains(installed, "opt/"+name) {
			t.Errorf("there is no %s in %v", name, installed)
		}
	}
	run("uninstall")
	if after := filesBelow(t, dest); !slices.Equal(after, before) {
		t.Errorf("left are %v, there were %v", after, before)
	}
	if _, err := os.Stat(filepath.Join(prefix, "lib/wasmfile")); err == nil {
		t.Error("lib/wasmfile is left")
	}
	run("uninstall") // What is not there is no error.
}

// filesBelow are the paths of all that is in a directory but directories.
func filesBelow(t *testing.T, dir string) (files []string) {
	t.Helper()
	err := fs.WalkDir(os.DirFS(dir), ".", func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}
