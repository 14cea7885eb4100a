package transfer

import (
	"os"
	"strings"
	"testing"
)

// Given nothing to read, the error says so, and no file is left.
func TestEmptyArchive(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	if _, _, err := archiveFile(LoadOptions{Stdin: strings.NewReader("")}); err == nil || !strings.Contains(err.Error(), "empty") {
		t.Errorf("it gives %v", err)
	}
	if left, err := os.ReadDir(os.Getenv("TMPDIR")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
