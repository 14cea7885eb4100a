package e2e

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// TestArm64: given a machine with an arm64 processor, artifacts are built there, and
// guests are compiled, run, limited and confined, as they are elsewhere.
func TestArm64(t *testing.T) {
	onlyBy(t, "test-arm64")
	if runtime.GOARCH != "arm64" {
		t.Fatalf("the processor is %s", runtime.GOARCH)
	}
	for _, test := range []struct {
		name string
		run  func(*testing.T)
	}{
		{"the compiler's system calls", unitTests("confine")},
		{"the engine's files", unitTests("engine")},
		{"a check", TestSystemCheck},
		{"an example", TestGreetExample},
		{"exit codes", TestExitCodes},
		{"a trap", TestTrapReport},
		{"an export", TestExports},
		{"a server", TestServerDefaults},
		{"exec", TestExec},
		{"compiled code", TestPrecompile},
		{"the compiler's confinement", TestCompilerIsConfined},
		{"privileges", TestPrivileges},
		{"out of memory", TestOutOfMemory},
	} {
		t.Run(test.name, test.run)
	}
}

// unitTests are those of a package of the shim's, which were built for the machine.
func unitTests(name string) func(*testing.T) {
	return func(t *testing.T) {
		binary := filepath.Join(os.Getenv("SANDBOX_DIR"), "machine", name+".test")
		r := command{args: []string{binary, "-test.v"}, dir: filepath.Join("..", "..", "shim", name)}.run(t)
		if r.code != 0 {
			t.Errorf("exit code %d: %s", r.code, r.all())
		}
	}
}
