package guests_test

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
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
			committedIs(t, committed, want)
		})
	}
}

// TestLintComponentsMatchTheirSource: the components of the cases of the
// frontend's rules are what their text makes; one has a section for debugging,
// too large to be written as text.
func TestLintComponentsMatchTheirSource(t *testing.T) {
	tools, err := guests.Tools(t.Context(), guests.CacheDir())
	if err != nil {
		t.Fatal(err)
	}
	sources, err := filepath.Glob(filepath.Join("..", "..", "..", "frontend", "lint", "testdata", "components", "*.wat"))
	if err != nil || len(sources) == 0 {
		t.Fatalf("no components (%v)", err)
	}
	for _, source := range sources {
		name := strings.TrimSuffix(filepath.Base(source), ".wat")
		t.Run(name, func(t *testing.T) {
			made := filepath.Join(t.TempDir(), "made.wasm")
			if err := tools.Parse(t.Context(), source, made); err != nil {
				t.Fatal(err)
			}
			want, err := os.ReadFile(made)
			if err != nil {
				t.Fatal(err)
			}
			if name == "debug" {
				want = append(want, customSection(".debug_info", 1<<20+1)...)
			}
			committedIs(t, strings.TrimSuffix(source, ".wat")+".wasm", want)
		})
	}
}

// customSection is one whose name and zeros have this size.
func customSection(name string, size int) []byte {
	section := binary.AppendUvarint([]byte{0}, uint64(size))
	section = append(section, byte(len(name)))
	section = append(section, name...)
	return append(section, make([]byte, size-1-len(name))...)
}

// committedIs compares a committed file, and writes it with UPDATE_EXAMPLES=1.
func committedIs(t *testing.T, committed string, want []byte) {
	t.Helper()
	if os.Getenv("UPDATE_EXAMPLES") != "" {
		if err := os.WriteFile(committed, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(committed)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s is not what its text makes (%v): run this test with UPDATE_EXAMPLES=1", committed, err)
	}
}
