package e2e

import (
	"os"
	"testing"
)

// slowVariable names the make target of slow tests that is running, if one is.
const slowVariable = "WASMFILE_TEST_SLOW"

// onlyBy is for a test that takes minutes, or for which minutes are built: it
// runs by that make target only.
func onlyBy(t *testing.T, target string) {
	t.Helper()
	if os.Getenv(slowVariable) != target {
		t.Skipf("takes minutes; run it by `make %s`", target)
	}
}

// atScale is how many of something a test has: many by `make test-scale`, few
// otherwise.
func atScale(few, many int) int {
	if os.Getenv(slowVariable) == "test-scale" {
		return many
	}
	return few
}
