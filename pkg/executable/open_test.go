package executable_test

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/wasmfile/wasmfile/pkg/executable"
)

// module is as short as a module can be; what follows tells files apart.
const module = "\x00asm\x01\x00\x00\x00"

// hostileRoot makes the files of an image that tries to reach others.
func hostileRoot(t *testing.T) string {
	t.Helper()
	host := t.TempDir()
	root := filepath.Join(host, "rootfs")
	write := func(path, content string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write(filepath.Join(host, "secret.wasm"), module+"of the host")
	write(filepath.Join(root, "app.wasm"), module+"root")
	write(filepath.Join(root, "bin/app.wasm"), module+"bin")
	write(filepath.Join(root, "srv/app"), module+"srv")
	write(filepath.Join(root, "bin/sh"), "\x7fELF is native")
	write(filepath.Join(root, "sh"), module+"not the shell")
	write(filepath.Join(root, "short.wasm"), "\x00asm")
	for link, target := range map[string]string{
		"absolute.wasm": "/bin/app.wasm", "relative.wasm": "bin/app.wasm",
		"out.wasm": "../secret.wasm", "host.wasm": filepath.Join(host, "secret.wasm"),
		"process.wasm": "/proc/self/exe", "loop.wasm": "loop.wasm",
	} {
		if err := os.Symlink(target, filepath.Join(root, link)); err != nil {
			t.Fatal(err)
		}
	}
	if err := unix.Mkfifo(filepath.Join(root, "fifo.wasm"), 0o644); err != nil {
		t.Fatal(err)
	}
	return root
}

// TestOpen: given a process, its program is the file that would be
// started natively, when that is WebAssembly, and never one outside the root.
func TestOpen(t *testing.T) {
	root := hostileRoot(t)
	env := []string{"HOME=/", "PATH=/usr/bin:/bin"}
	cases := map[string]struct {
		arg0, cwd string
		env       []string
		want      string // empty for none
	}{
		"an absolute path":              {arg0: "/app.wasm", want: "root"},
		"an export":                     {arg0: "/app.wasm#add", want: "root"},
		"a path from the directory":     {arg0: "./app", cwd: "/srv", want: "srv"},
		"a path from the root":          {arg0: "bin/app.wasm", cwd: "/srv", want: "bin"},
		"a name in PATH":                {arg0: "app.wasm", env: env, want: "bin"},
		"a name in the directory":       {arg0: "app", cwd: "/srv", env: env, want: "srv"},
		"a name in the root":            {arg0: "app.wasm", want: "root"},
		"a native program":              {arg0: "/bin/sh"},
		"a native one in PATH":          {arg0: "sh", cwd: "/", env: env},
		"nothing":                       {arg0: "/nothing.wasm"},
		"no argument":                   {},
		"an export of nothing":          {arg0: "#add"},
		"a directory":                   {arg0: "/bin"},
		"a pipe":                        {arg0: "/fifo.wasm"},
		"less than a module":            {arg0: "/short.wasm"},
		"an absolute link":              {arg0: "/absolute.wasm", want: "bin"},
		"a relative link":               {arg0: "/relative.wasm", want: "bin"},
		"a link up out of the root":     {arg0: "/out.wasm"},
		"a link to the host":            {arg0: "/host.wasm"},
		"a link to the shim":            {arg0: "/process.wasm"},
		"a link to itself":              {arg0: "/loop.wasm"},
		"a path up out of the root":     {arg0: "/../secret.wasm"},
		"a name up out of the root":     {arg0: "../secret.wasm", cwd: "/"},
		"a directory up out of it":      {arg0: "secret.wasm", cwd: "/.."},
		"a PATH that leads out of it":   {arg0: "secret.wasm", env: []string{"PATH=/../..:../.."}},
		"a path with a byte that is 0":  {arg0: "/app.wasm\x00"},
		"a path through a file":         {arg0: "/app.wasm/x"},
		"a path that is too long":       {arg0: "/" + strings.Repeat("a", 5000)},
		"a directory that is too long ": {arg0: "app", cwd: "/" + strings.Repeat("b/", 5000)},
	}
	for name, c := range cases {
		process := &specs.Process{Args: []string{c.arg0, "argument"}, Cwd: c.cwd, Env: c.env}
		if c.arg0 == "" {
			process.Args = nil
		}
		file, err := executable.Open(root, process)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got := ""
		if file != nil {
			content, err := io.ReadAll(file)
			if err != nil || file.Close() != nil {
				t.Errorf("%s: %v", name, err)
			}
			got = strings.TrimPrefix(string(content), module)
		}
		if got != c.want {
			t.Errorf("%s is %q, not %q", name, got, c.want)
		}
	}
}
