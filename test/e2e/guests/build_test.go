package guests_test

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/wasmfile/wasmfile/pkg/wasm"
	"github.com/wasmfile/wasmfile/test/e2e/guests"
)

// TestGuestsAreWhatTheySay: given the guests, they are of the kind and the
// WASI that the tests take them for, and no truncation of one passes for it.
func TestGuestsAreWhatTheySay(t *testing.T) {
	paths, err := guests.Build(t.Context(), guests.CacheDir())
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]wasm.Info{
		"probe.module":    {Kind: wasm.KindModule, WASI: 1},
		"probe.component": {Kind: wasm.KindComponent, WASI: 2},
		"newest":          {Kind: wasm.KindComponent, WASI: 3},
		"trap":            {Kind: wasm.KindComponent, WASI: 2},
		"exit":            {Kind: wasm.KindComponent, WASI: 2},
		"add":             {Kind: wasm.KindComponent, WASI: 2},
		"sleep":           {Kind: wasm.KindModule, WASI: 1},
		"spin":            {Kind: wasm.KindModule},
	} {
		file, err := os.Open(paths[name])
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		stat, err := file.Stat()
		if err != nil {
			t.Fatal(err)
		}
		got, err := wasm.Parse(file, stat.Size())
		if err != nil || got.Kind != want.Kind || got.WASI != want.WASI || got.RunsAsCommand() == (name == "add") {
			t.Errorf("%s is %+v (%v)", name, got, err)
		}
		for size := int64(1); size < stat.Size(); size += 1 + stat.Size()/50 {
			// Cut between two sections, a component is whole by itself: it
			// lacks what follows, be it only the names for debugging.
			cut, err := wasm.Parse(file, size)
			if err == nil && cut.RunsAsCommand() && cut.DebugSize == got.DebugSize {
				t.Errorf("%s cut to %d bytes of %d is accepted as a command", name, size, stat.Size())
			}
		}
	}
}

// TestGuestsRun: given only the engine, the guests do what the tests rely on.
func TestGuestsRun(t *testing.T) {
	engine := os.Getenv("WASMFILE_ENGINE")
	if engine == "" {
		t.Skip("WASMFILE_ENGINE does not name the wasmtime executable")
	}
	paths, err := guests.Build(t.Context(), guests.CacheDir())
	if err != nil {
		t.Fatal(err)
	}
	cases := []struct {
		guest  string
		flags  []string
		args   []string
		stdout string
		code   int
	}{
		{guest: "probe.module", args: []string{"exit", "7"}, code: 7},
		{guest: "probe.component", args: []string{"exit", "7"}, code: 1}, // all that WASI 0.2 can say
		{guest: "probe.module", args: []string{"trap"}, code: 134},
		{guest: "probe.component", args: []string{"trap"}, code: 134},
		{guest: "probe.module", args: []string{"alloc", "64"}, stdout: "64\n"},
		{guest: "probe.component", args: []string{"alloc", "64"}, stdout: "64\n"}, // the adapter's memory outlives it
		{guest: "newest"},
		{guest: "sleep", args: []string{"a", "0"}},
		{guest: "trap", code: 134},
		{guest: "exit", flags: []string{"-S", "cli-exit-with-code"}, code: 7},
		{guest: "add", flags: []string{"--invoke", "add(40, 2)"}, stdout: "42\n"},
	}
	for _, c := range cases {
		t.Run(strings.Join(append([]string{c.guest}, c.args...), " "), func(t *testing.T) {
			args := slices.Concat([]string{"run", "-C", "cache=n"}, c.flags, []string{paths[c.guest]}, c.args)
			cmd := exec.CommandContext(t.Context(), engine, args...)
			var stdout, stderr strings.Builder
			cmd.Stdout, cmd.Stderr = &stdout, &stderr
			err := cmd.Run()
			if cmd.ProcessState == nil {
				t.Fatal(err)
			}
			if cmd.ProcessState.ExitCode() != c.code && !(c.code == 134 && !cmd.ProcessState.Exited()) || stdout.String() != c.stdout {
				t.Errorf("%v, stdout %q, want exit code %d, stdout %q; stderr:\n%s", err, stdout.String(), c.code, c.stdout, stderr.String())
			}
		})
	}
}
