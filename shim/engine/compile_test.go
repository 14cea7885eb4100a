package engine

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/wasmfile/wasmfile/shim/confine"
)

// compileWith compiles by something else than the engine, which is given the
// directory that the engine could write to.
func compileWith(t *testing.T, c Compilation, compiler func(out string) error) (code string, err error) {
	t.Helper()
	code, remove, err := (&Engine{Dir: t.TempDir()}).Compile(t.Context(), c, func(_ context.Context, cmd *exec.Cmd) (int, error) {
		var spec confine.Spec
		if err := json.Unmarshal([]byte(cmd.Args[2]), &spec); err != nil {
			return 0, err
		}
		for _, m := range spec.Mounts {
			if m.Writable {
				return 0, compiler(m.Source)
			}
		}
		return 0, errors.New("there is nowhere to write to")
	})
	t.Cleanup(func() {
		if err := remove(); err != nil {
			t.Error(err)
		}
	})
	return code, err
}

// Given a component that has taken over its compiler, what that makes in place of
// code leads the shim nowhere, and does not keep it waiting.
func TestHostileCode(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(secret, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	const name = "component.cwasm"
	for what, c := range map[string]struct {
		make func(out string) error
		ok   bool
	}{
		"code":               {func(out string) error { return os.WriteFile(filepath.Join(out, name), []byte("code"), 0o600) }, true},
		"a link to a secret": {func(out string) error { return os.Symlink(secret, filepath.Join(out, name)) }, false},
		"an endless device":  {func(out string) error { return os.Symlink("/dev/zero", filepath.Join(out, name)) }, false},
		"a named pipe":       {func(out string) error { return unix.Mkfifo(filepath.Join(out, name), 0o644) }, false},
		"a directory":        {func(out string) error { return os.Mkdir(filepath.Join(out, name), 0o755) }, false},
		"nothing":            {func(string) error { return nil }, false},
	} {
		code, err := compileWith(t, Compilation{Dir: t.TempDir(), Limits: DefaultCompileLimits()}, c.make)
		if c.ok && (err != nil || filepath.Base(code) != name) || !c.ok && !errors.Is(err, ErrCompile) {
			t.Errorf("%s gives %q, %v", what, code, err)
		}
	}
}

// Given a compiler that was stopped, the error says by which limit; of one that failed it
// has what the compiler said.
func TestStoppedCompiler(t *testing.T) {
	for want, c := range map[string]struct {
		status int
		said   string
	}{
		"20m0s of processor time":       {killedStatus, ""},
		"8192 MiB of memory":            {134, "memory allocation of 65536 bytes failed"},
		"its code has more than 4 GiB":  {1, "Error: failed to write output: /out/component.cwasm\n\nCaused by:\n    File too large (os error 27)\n"},
		"exit status 1: Error: no good": {1, "Error: no good\n"},
	} {
		err := Compilation{Limits: DefaultCompileLimits()}.run(t.Context(), &exec.Cmd{}, func(_ context.Context, cmd *exec.Cmd) (int, error) {
			_, err := io.WriteString(cmd.Stderr, c.said)
			return c.status, err
		})
		if !errors.Is(err, ErrCompile) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q gives %v", c.said, err)
		}
	}
}
