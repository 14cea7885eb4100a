package wasmfile_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/moby/buildkit/frontend/dockerfile/parser"

	"github.com/wasmfile/wasmfile/frontend/wasmfile"
	"github.com/wasmfile/wasmfile/pkg/artifact"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// forms are the golden files of a case in testdata/ok.
var forms = map[string]wasmfile.Form{
	"artifact.Dockerfile":   wasmfile.Artifact,
	"components.Dockerfile": wasmfile.Components,
	"image.Dockerfile":      wasmfile.Image,
	"check.Dockerfile":      wasmfile.Check,
}

func cases(t testing.TB, dir string) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", dir, "*", "Wasmfile"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases in testdata/%s (%v)", dir, err)
	}
	texts := make(map[string][]byte)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		texts[filepath.Dir(file)] = text
	}
	return texts
}

func golden(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s\ngot:\n%s\nwant:\n%s", path, got, want)
	}
}

func TestRenderings(t *testing.T) {
	for dir, text := range cases(t, "ok") {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			f, err := wasmfile.Parse(text, wasmfile.Options{})
			if err != nil {
				t.Fatal(err)
			}
			for name, form := range forms {
				rendered, err := f.Dockerfile(form)
				if err != nil {
					t.Fatal(err)
				}
				if f.IsDockerfile() {
					if form == wasmfile.Components {
						continue
					}
					if !bytes.Equal(rendered, text) {
						t.Errorf("a Dockerfile is not left as it is:\n%s", rendered)
					}
					continue
				}
				golden(t, filepath.Join(dir, name), rendered)
			}
		})
	}
}

// parseAll is what a build of an artifact checks before it starts.
func parseAll(text []byte) error {
	f, err := wasmfile.Parse(text, wasmfile.Options{})
	if err != nil {
		return err
	}
	err = errors.Join(f.CheckAnnotations(), f.CheckProcess())
	if f.Form == artifact.FormCNCF {
		err = errors.Join(err, f.CheckCNCF())
	}
	return err
}

func TestErrors(t *testing.T) {
	for dir, text := range cases(t, "bad") {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			err := parseAll(text)
			if err == nil {
				t.Fatal("no error")
			}
			got := err.Error()
			var located *parser.LocationError
			if errors.As(err, &located) {
				got = fmt.Sprintf("line %d: %s", located.Locations[0][0].Start.Line, got)
			}
			for _, internal := range []string{wasmfile.Dir, "COPY", "LABEL", "ADD"} {
				if strings.Contains(got, internal) && !bytes.Contains(text, []byte("\n"+internal)) && !strings.Contains(got, "use COPY for files") {
					t.Errorf("the message shows %q: %s", internal, got)
				}
			}
			golden(t, filepath.Join(dir, "error.txt"), []byte(got+"\n"))
		})
	}
}
