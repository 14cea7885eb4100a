package conformance_test

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wasmfile/wasmfile/test/e2e/conformance"
)

var update = flag.Bool("update", false, "write the golden files")

const (
	page  = "../../../docs/conformance-shim.md"
	begin = "<!-- results -->\n"
)

// TestConformance: given every guest case, every client shows the behaviour
// that docs/conformance-shim.md says.
func TestConformance(t *testing.T) {
	if os.Getenv("REGISTRY") == "" {
		t.Fatal("REGISTRY is not set: the test needs the sandbox, run `make test-e2e`")
	}
	suite := conformance.Suite{
		Runtime: "io.containerd.wasmfile.v1", Handler: "wasmfile",
		Nerdctl: filepath.Join(os.Getenv("SANDBOX_DIR"), "tools", "bin", "nerdctl"), Log: os.Stderr,
	}
	results, err := suite.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	head, want, ok := strings.Cut(string(text), begin)
	if !ok {
		t.Fatalf("%s has no line %q", page, begin)
	}
	got := conformance.Table(results)
	if *update {
		if err := os.WriteFile(page, []byte(head+begin+got), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if got != want {
		t.Errorf("%s is not what comes out, run with -update:\n%s", page, got)
		for _, r := range results { // After the table, where the end of a log is all there is.
			if r.Err != nil {
				t.Errorf("%s, %s, %s: %v", r.Client, r.Case, r.Guest, r.Err)
			}
		}
	}
}

// TestTable: given results of several guests, one that fails makes the cell
// fail, whatever the others do.
func TestTable(t *testing.T) {
	got := conformance.Table([]conformance.Result{
		{Case: "a", Guest: "g", Client: "x"},
		{Case: "a", Guest: "h", Client: "x", Err: errors.New("bad")},
		{Case: "a", Guest: "i", Client: "x"},
		{Case: "a", Guest: "g", Client: "y"},
		{Case: "b", Guest: "g", Client: "x", Impossible: true},
		{Case: "b", Guest: "g", Client: "y"},
	})
	want := "| | guests | x | y |\n|---|---|---|---|\n| a | g, h, i | **no** | yes |\n| b | g | — | yes |\n"
	if got != want {
		t.Errorf("the table is\n%s", got)
	}
}
