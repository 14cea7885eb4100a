package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// useCrun has guests made by crun until the test ends, and returns what it was
// called for so far.
func useCrun(t *testing.T) (calls func() string) {
	t.Helper()
	crun := filepath.Join(t.TempDir(), "crun")
	must(t, "go", "build", "-o", crun, "./cmd/crun")
	log := crun + ".calls"
	if err := os.WriteFile(log, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	configureShim(t, fmt.Sprintf("[shim]\noci-runtime = %q\n", crun))
	return func() string { return readFile(t, log) }
}

// TestCrun: given an administrator who wants crun, a guest's life is what it is
// with runc, as the tests of it say.
func TestCrun(t *testing.T) {
	calls := useCrun(t)
	for name, test := range map[string]func(*testing.T){
		"exit codes":         TestExitCodes,
		"a terminal":         TestTerminalResize,
		"a trap":             TestTrapReport,
		"files":              TestGuestSeesExactly,
		"a volume":           TestVolumeCanBeWritten,
		"privileges":         TestPrivileges,
		"stop":               TestStopCommand,
		"exec":               TestExec,
		"limits":             TestLimits,
		"out of memory":      TestOutOfMemory,
		"process limit":      TestProcessLimit,
		"a freeze":           TestFreezeAndLook,
		"requests at once":   TestRequestsAtOnce,
		"ctr's verbs":        TestTask,
		"HTTP":               TestHTTP,
		"a server's network": TestServerNetwork,
		"a server's end":     TestServerDrains,
		"a pod":              TestPod,
	} {
		t.Run(name, func(t *testing.T) {
			before := len(calls())
			test(t)
			made := calls()[before:]
			if !strings.Contains(made, " create ") {
				t.Errorf("crun has made no container; it was called for\n%s", made)
			}
		})
	}
}

// TestCrunIsStartedOnce: given a container whose life has nothing extraordinary,
// crun is started to create it, and not to start or to delete it; nerdctl's has a
// hook that is to be run when it is deleted.
func TestCrunIsStartedOnce(t *testing.T) {
	calls := useCrun(t)
	ref := probe(t, "component")
	for _, client := range clients {
		t.Run(client.name, func(t *testing.T) {
			client.pull(t, ref)
			before := len(calls())
			must(t, client.run(ref, nil, "args", "x")...)
			want := "create"
			if strings.HasPrefix(client.name, "nerdctl") {
				want = "create delete"
			}
			made := calls()[before:]
			// The container's ID comes last, after the verb's own flags.
			verbs := regexp.MustCompile(`\b(create|start|delete|kill|state)\b`).FindAllString(made, -1)
			if got := strings.Join(verbs, " "); got != want {
				t.Errorf("crun was started for %q, not %q:\n%s", got, want, made)
			}
		})
	}
}

// TestCrunIsForGuests: given an administrator who wants crun, native containers
// are runc's, and a runtime that is not there is an error that says where it was
// named.
func TestCrunIsForGuests(t *testing.T) {
	calls := useCrun(t)
	t.Run("native", TestNativeContainersAreRuncs)
	if made := calls(); made != "" {
		t.Errorf("crun was called for\n%s", made)
	}
	configureShim(t, "[shim]\noci-runtime = \"krun\"\n")
	ref := probe(t, "component")
	must(t, "nerdctl", "wasm", "pull", "-q", ref)
	fails(t, []string{"shim.oci-runtime", `"krun"`}, inPlugin(ref, "", "args", "x")...)
}
