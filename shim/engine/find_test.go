package engine

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestCheckVersion(t *testing.T) {
	cases := map[string]string{
		"wasmtime 49.0.3 (f96eabaa1 2026-10-14)\n": "49.0.3",
		"wasmtime 44.0.0":                          "44.0.0",
		"wasmtime-cli 45.1.0 (x)":                  "45.1.0",
		"wasmtime 43.0.1":                          "",
		"wasmtime":                                 "",
		"wasmtime x.y":                             "",
		"wasmer 44.0.0":                            "",
		"":                                         "",
	}
	for output, want := range cases {
		got, err := checkVersion(output)
		if got != want || (want == "") != errors.Is(err, ErrUnsupported) {
			t.Errorf("version output %q gives %q, %v", output, got, err)
		}
	}
}

func TestFind(t *testing.T) {
	dir := t.TempDir()
	executable := filepath.Join(dir, executableName)
	if err := os.WriteFile(executable, []byte("#!/bin/false\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	cases := []struct{ env, path, want string }{
		{"", dir, executable},
		{executable, "/nowhere", executable},
		{"", "/nowhere", ""},
		{"wasmtime", dir, ""},
		{filepath.Join(dir, "missing"), dir, ""},
	}
	for _, c := range cases {
		t.Setenv(EnvExecutable, c.env)
		t.Setenv("PATH", c.path)
		got, err := Find()
		if got != c.want {
			t.Errorf("%s=%q PATH=%q gives %q, %v", EnvExecutable, c.env, c.path, got, err)
		}
		if c.want == "" && (!errors.Is(err, ErrNotFound) || !strings.Contains(err.Error(), EnvExecutable)) {
			t.Errorf("%s=%q PATH=%q: the error does not say what to do: %v", EnvExecutable, c.env, c.path, err)
		}
	}
}
