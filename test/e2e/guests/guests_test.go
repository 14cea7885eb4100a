package guests_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/wasmfile/wasmfile/test/e2e/guests"
)

// TestExamplesMatchTheirSource: the components that are committed in examples
// are what their text makes. With UPDATE_EXAMPLES=1 they are written anew.
func TestExamplesMatchTheirSource(t *testing.T) {
	tools, err := guests.Tools(t.Context(), guests.CacheDir())
	if err != nil {
		t.Fatal(err)
	}
	examples := filepath.Join("..", "..", "..", "examples")
	for _, file := range []string{"greet/greet", "http/http", "pipeline/shout"} {
		t.Run(file, func(t *testing.T) {
			source, committed := filepath.Join(examples, file), filepath.Join(examples, file+".wasm")
			made := filepath.Join(t.TempDir(), "made.wasm")
			if _, err := os.Stat(source + ".wit"); err == nil {
				err = tools.Component(t.Context(), source+".wat", source+".wit", filepath.Base(file), made)
				if err != nil {
					t.Fatal(err)
				}
			} else if err := tools.Parse(t.Context(), source+".wat", made); err != nil {
				t.Fatal(err)
			}
			want, err := os.ReadFile(made)
			if err != nil {
				t.Fatal(err)
			}
			if os.Getenv("UPDATE_EXAMPLES") != "" {
				if err := os.WriteFile(committed, want, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			got, err := os.ReadFile(committed)
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s is not what %s.wat makes (%v): run this test with UPDATE_EXAMPLES=1", committed, source, err)
			}
		})
	}
}
