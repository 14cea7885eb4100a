package engine

import (
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
)

// TestMain makes the test's own executable an engine that has a version.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == "--version" {
		_, err := os.Stdout.WriteString("wasmtime 49.0.0 (test)\n")
		if err != nil {
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func runDirectly(_ context.Context, cmd *exec.Cmd) (int, error) {
	err := cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode(), nil
	}
	return 0, err
}

func TestInstall(t *testing.T) {
	state, runs := t.TempDir(), 0
	counting := func(ctx context.Context, cmd *exec.Cmd) (int, error) {
		runs++
		return runDirectly(ctx, cmd)
	}
	executable := filepath.Join(t.TempDir(), "wasmtime")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := copyFile(executable, self); err != nil {
		t.Fatal(err)
	}
	install := func() *Engine {
		t.Helper()
		e, err := Install(t.Context(), state, executable, "code", counting)
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	first := install()
	if first.Version != "49.0.0" || len(first.Digest) != 64 {
		t.Errorf("the engine is %+v", first)
	}
	if out, err := exec.Command(first.program(first.Dir)[0], append(first.program(first.Dir)[1:], "--version")...).Output(); err != nil || !strings.HasPrefix(string(out), "wasmtime 49") {
		t.Errorf("the installed engine says %q, %v", out, err)
	}
	if again := install(); again.Digest != first.Digest || runs != 1 {
		t.Errorf("the second time gives %+v, after %d runs of the executable", again, runs)
	}
	later := time.Now().Add(time.Hour)
	if err := os.Chtimes(executable, later, later); err != nil {
		t.Fatal(err)
	}
	if touched := install(); touched.Digest != first.Digest || runs != 2 {
		t.Errorf("a touched executable gives %+v, after %d runs of the executable", touched, runs)
	}
	f, err := os.OpenFile(executable, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("changed"); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if changed := install(); changed.Digest == first.Digest {
		t.Error("another executable has the same digest")
	}
	if left, err := filepath.Glob(filepath.Join(state, enginesDir, ".new-*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// TestInstallNoExecutable: given a script that starts wasmtime, as pip installs
// one, or a part of an executable, the error says what it may be.
func TestInstallNoExecutable(t *testing.T) {
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	for _, content := range []string{"#!/bin/sh\necho wasmtime 49.0.0\n", string(self[:1000])} {
		file := filepath.Join(t.TempDir(), "wasmtime")
		if err := os.WriteFile(file, []byte(content), 0o755); err != nil {
			t.Fatal(err)
		}
		_, err := Install(t.Context(), t.TempDir(), file, "code", runDirectly)
		if !errors.Is(err, ErrUnsupported) || !strings.Contains(err.Error(), file) || !strings.Contains(err.Error(), "a script perhaps") {
			t.Errorf("the error is %v", err)
		}
	}
}

func TestInstallRepairs(t *testing.T) {
	state := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	first, err := Install(t.Context(), state, self, "code", runDirectly)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(first.Dir, recordName), []byte("{"), 0o644); err != nil {
		t.Fatal(err)
	}
	second, err := Install(t.Context(), state, self, "code", runDirectly)
	if err != nil || second.Digest != first.Digest || second.Version != first.Version {
		t.Errorf("a damaged engine was replaced by %+v, %v", second, err)
	}
}

func TestInstallRefuses(t *testing.T) {
	script := filepath.Join(t.TempDir(), "wasmtime")
	for name, content := range map[string]string{
		"an old one":   "#!/bin/sh\necho wasmtime 12.0.0\n",
		"another tool": "#!/bin/sh\necho 1.0\n",
		"a failure":    "#!/bin/sh\necho broken >&2; exit 3\n",
	} {
		if err := os.WriteFile(script, []byte(content), 0o755); err != nil {
			t.Fatal(err)
		}
		if _, err := Install(t.Context(), t.TempDir(), script, "code", runDirectly); !errors.Is(err, ErrUnsupported) {
			t.Errorf("%s gives %v", name, err)
		}
	}
}

// The libraries of a real dynamic program, alone in a directory, are enough
// for the dynamic linker to start it.
func TestFindLibraries(t *testing.T) {
	program := dynamicProgram(t)
	needed, err := findLibraries(program)
	if err != nil {
		t.Fatal(err)
	}
	if needed.interpreter.name == "" || len(needed.libraries) == 0 {
		t.Fatalf("%s needs %+v", program, needed)
	}
	dir := t.TempDir()
	for _, l := range append(needed.libraries, needed.interpreter) {
		if _, err := copyFile(filepath.Join(dir, l.name), l.path); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(filepath.Join(dir, needed.interpreter.name), "--inhibit-cache", "--library-path", dir, "--list", program)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for line := range strings.Lines(string(out)) {
		if _, path, ok := strings.Cut(line, "=> "); ok && !strings.HasPrefix(path, dir) {
			t.Errorf("a library comes from elsewhere: %s", line)
		}
	}
}

func dynamicProgram(t *testing.T) string {
	t.Helper()
	for _, p := range []string{"/usr/bin/env", "/bin/sh", "/bin/ls", "/usr/bin/git"} {
		if _, interpreter, _, err := readELF(p); err == nil && interpreter != "" {
			return p
		}
	}
	t.Skip("no dynamically linked program on this host")
	return ""
}

func TestLibraryErrors(t *testing.T) {
	if _, _, err := (need{name: "libnothing-here.so.9"}).find(machine{elf.ELFCLASS64, elf.EM_X86_64}, libraryDirs()); err == nil {
		t.Error("a library that does not exist was found")
	}
	if _, _, err := (need{name: "../../etc/passwd"}).find(machine{}, []string{"/usr/lib"}); err == nil {
		t.Error("a library named by a path was found")
	}
}

// Given containers that are the first of a new engine, all at once, in one shim,
// each gets it.
func TestInstallAtOnce(t *testing.T) {
	state := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var group errgroup.Group
	for range 16 {
		group.Go(func() error {
			_, err := Install(t.Context(), state, self, "code", runDirectly)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		t.Error(err)
	}
	if left, err := filepath.Glob(filepath.Join(state, enginesDir, byFileDir, "*")); err != nil || len(left) != 1 {
		t.Errorf("what is known of executables is %v, %v", left, err)
	}
}

// Given processes that are started meanwhile, each copy can be executed as soon as it
// is made.
func TestCopyIsExecutable(t *testing.T) {
	dir := t.TempDir()
	var group errgroup.Group
	for i := range 8 {
		group.Go(func() error {
			for n := range 5 {
				program := filepath.Join(dir, fmt.Sprint(i, "-", n))
				if _, err := copyFile(program, "/proc/self/exe"); err != nil {
					return err
				}
				if err := exec.Command(program, "--version").Run(); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		t.Error(err)
	}
}
