package e2e

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// TestArm64: given a machine with an arm64 processor, artifacts are built there, and
// guests are compiled, run, limited and confined, as they are elsewhere.
func TestArm64(t *testing.T) {
	onlyBy(t, "test-arm64")
	if runtime.GOARCH != "arm64" {
		t.Fatalf("the processor is %s", runtime.GOARCH)
	}
	withoutDocker(t)
	for _, test := range []struct {
		name string
		run  func(*testing.T)
	}{
		{"unit tests", unitTests},
		{"a check", TestSystemCheck},
		{"an example", TestGreetExample},
		{"exit codes", TestExitCodes},
		{"a trap", TestTrapReport},
		{"an export", TestExports},
		{"a server", TestServerDefaults},
		{"exec", TestExec},
		{"compiled code", TestPrecompile},
		{"privileges", TestPrivileges},
		{"out of memory", containerdTellsOfKill},
	} {
		t.Run(test.name, test.run)
	}
}

// withoutDocker has tests of several clients leave out docker, which asks for a time
// namespace: the runc of this Debian knows none.
func withoutDocker(t *testing.T) {
	allClients, allDaemons, allExecs := clients, daemons, execs
	t.Cleanup(func() { clients, daemons, execs = allClients, allDaemons, allExecs })
	clients, daemons, execs = nil, nil, nil
	for _, c := range allClients {
		if c.name != "docker" {
			clients = append(clients, c)
		}
	}
	for _, d := range allDaemons {
		if d.tool != "docker" {
			daemons = append(daemons, d)
		}
	}
	for _, e := range allExecs {
		if e.tool != "docker" {
			execs = append(execs, e)
		}
	}
}

// unitTests are those of packages of the shim's that were built for the machine.
func unitTests(t *testing.T) {
	binaries, err := filepath.Glob(filepath.Join(os.Getenv("SANDBOX_DIR"), "machine", "unit", "*.test"))
	if err != nil || len(binaries) == 0 {
		t.Fatalf("there are none: %v", err)
	}
	for _, binary := range binaries {
		name := strings.TrimSuffix(filepath.Base(binary), ".test")
		t.Run(name, func(t *testing.T) {
			r := command{args: []string{binary}, dir: filepath.Join("..", "..", "shim", name)}.run(t)
			if r.code != 0 {
				t.Errorf("exit code %d: %s", r.code, r.all())
			}
		})
	}
}
