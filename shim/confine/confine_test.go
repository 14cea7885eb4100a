package confine_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/wasmfile/wasmfile/shim/confine"
)

// A child that cannot be confined says so and runs nothing.
func TestMainRefuses(t *testing.T) {
	cases := map[string][]string{
		"no program to confine": {"shim", confine.Argument},
		"no program":            {"shim", confine.Argument, "{}"},
		"invalid character":     {"shim", confine.Argument, "x"},
	}
	for want, args := range cases {
		var stderr bytes.Buffer
		if status := confine.Main(args, &stderr); status == 0 || !strings.Contains(stderr.String(), want) {
			t.Errorf("%q ends with %d: %s", args, status, &stderr)
		}
	}
}

// What the child is told is what was asked for, and nothing of the parent's
// environment comes with it.
func TestCommand(t *testing.T) {
	t.Setenv("SECRET", "x")
	spec := confine.Spec{
		Root: "/root", Args: []string{"/p", "-a"}, Memory: 1, FileSize: 2, CPUSeconds: 3,
		Mounts: []confine.Mount{{Source: "/s", Target: "/t", Writable: true}},
	}
	cmd, err := confine.Command(spec)
	if err != nil {
		t.Fatal(err)
	}
	if len(cmd.Env) != 0 || cmd.Env == nil {
		t.Errorf("the environment is %q", cmd.Env)
	}
	if len(cmd.Args) != 3 || cmd.Args[1] != confine.Argument {
		t.Fatalf("the arguments are %q", cmd.Args)
	}
	var told confine.Spec
	if err := json.Unmarshal([]byte(cmd.Args[2]), &told); err != nil {
		t.Fatal(err)
	}
	if told.Mounts[0] != spec.Mounts[0] || told.Args[1] != "-a" || told.CPUSeconds != 3 {
		t.Errorf("the child is told %+v", told)
	}
}
