package wasmfile_test

import (
	"errors"
	"maps"
	"strings"
	"testing"

	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/util/grpcerrors"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/wasmfile/wasmfile/frontend/wasmfile"
)

func TestTargetDecidesWhichComponentsCount(t *testing.T) {
	const text = `ARG BASE=one
FROM scratch AS one
COMPONENT one.wasm
FROM $BASE AS two
COMPONENT two.wasm
FROM scratch AS three
COPY --from=two / /
FROM two
COMPONENT four.wasm
`
	cases := []struct {
		name string
		opts wasmfile.Options
		want string
	}{
		{"the last stage and what it is from", wasmfile.Options{}, "one two four"},
		{"a target by name", wasmfile.Options{Target: "TWO"}, "one two"},
		{"an index is no target", wasmfile.Options{Target: "0"}, ""},
		{"a target without components", wasmfile.Options{Target: "three"}, ""},
		{"a build argument names the base", wasmfile.Options{Target: "two", BuildArgs: map[string]string{"BASE": "scratch"}}, "two"},
		{"a context in place of a stage", wasmfile.Options{IsContext: func(s string) bool { return s == "one" }}, "two four"},
		{"no such target", wasmfile.Options{Target: "nine"}, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			f, err := wasmfile.Parse([]byte(text), c.opts)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, component := range f.Components {
				got = append(got, strings.TrimSuffix(strings.TrimPrefix(component.Text, "COMPONENT "), ".wasm"))
			}
			if strings.Join(got, " ") != c.want {
				t.Errorf("components %q, not %q", got, c.want)
			}
		})
	}
}

func TestOrdinalsNotLines(t *testing.T) {
	render := func(text string) string {
		f, err := wasmfile.Parse([]byte(text), wasmfile.Options{})
		if err != nil {
			t.Fatal(err)
		}
		rendered, err := f.Dockerfile(wasmfile.Components)
		if err != nil {
			t.Fatal(err)
		}
		var code []string
		for line := range strings.Lines(string(rendered)) {
			if !strings.HasPrefix(line, "#") {
				code = append(code, line)
			}
		}
		return strings.Join(code, "")
	}
	plain := render("FROM scratch\nCOMPONENT a.wasm\nCOMPONENT b.wasm\n")
	commented := render("# one\n# two\nFROM scratch\n# three\nCOMPONENT a.wasm\n# four\nCOMPONENT b.wasm\n")
	if plain != commented {
		t.Errorf("comments change what is built:\n%s\n%s", plain, commented)
	}
}

func TestSplitLabels(t *testing.T) {
	f, err := wasmfile.Parse([]byte("FROM scratch\nCOMPONENT a\nANNOTATION x=y\n"), wasmfile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	rendered, err := f.Dockerfile(wasmfile.Artifact)
	if err != nil {
		t.Fatal(err)
	}
	_, key, _ := strings.Cut(string(rendered), "LABEL ")
	prefix := strings.TrimSuffix(key, "x=y\n")
	labels, annotations := wasmfile.SplitLabels(map[string]string{
		prefix + "a":                            "1",
		prefix + "org.opencontainers.image.url": "explicit",
		"org.opencontainers.image.url":          "label",
		"org.opencontainers.image.title":        "t",
		"other":                                 "o",
	})
	wantLabels := map[string]string{"org.opencontainers.image.url": "label", "org.opencontainers.image.title": "t", "other": "o"}
	wantAnnotations := map[string]string{"a": "1", "org.opencontainers.image.url": "explicit", "org.opencontainers.image.title": "t"}
	if !maps.Equal(labels, wantLabels) || !maps.Equal(annotations, wantAnnotations) {
		t.Errorf("labels %v, annotations %v", labels, annotations)
	}
}

// TestStage: given what a --from names, the image that a stage alone stands for.
func TestStage(t *testing.T) {
	f, err := wasmfile.Parse([]byte(`FROM registry.example/greet AS a
FROM a AS b
FROM --platform=linux/amd64 a AS other
FROM a AS more
WORKDIR /x
FROM more AS c
FROM context AS d
FROM d AS e
FROM scratch
COMPONENT a.wasm
`), wasmfile.Options{IsContext: func(stage string) bool { return stage == "d" }})
	if err != nil {
		t.Fatal(err)
	}
	for from, want := range map[string]string{"a": "registry.example/greet", "B": "registry.example/greet", "1": "registry.example/greet", "other": "", "more": "", "c": "", "e": "d"} {
		if image, isStage := f.Stage(from); image != want || !isStage {
			t.Errorf("%s is %q, a stage: %t", from, image, isStage)
		}
	}
	for _, from := range []string{"9", "-1", "nothing"} {
		if _, isStage := f.Stage(from); isStage {
			t.Errorf("%s is a stage", from)
		}
	}
}

func TestTranslations(t *testing.T) {
	f, err := wasmfile.Parse([]byte("FROM scratch\nCOPY a /a\nCOMPONENT   a.wasm \\\n  greet\nANNOTATION a=b\n"), wasmfile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	at := func(line int) []parser.Range {
		return []parser.Range{{Start: parser.Position{Line: line}, End: parser.Position{Line: line}}}
	}
	cases := []struct{ got, want string }{
		{f.Message("COPY is bad", at(2)), "COPY is bad"},
		{f.Message("COPY is bad, failed to copy to /.wasmfile/0001/as/greet/", at(4)), "COMPONENT is bad, failed to copy to greet/"},
		{f.Message("Command 'copy' should be upper", at(3)), "Command 'COMPONENT' should be upper"},
		{f.Message("source can't be a URL for COPY", at(3)), "a variable holds a URL: write the URL itself, or give its --checksum"},
		{f.Message("LABEL io.github.wasmfile.annotation.a", at(5)), "ANNOTATION a"},
		{f.StepName("[stage-1 2/3] COPY a /a", at(2)), "[stage-1 2/3] COPY a /a"},
		{f.StepName("[stage-1 3/3] COPY [a.wasm, /.wasmfile/0001/as/greet/]", at(3)), "[component greet] from context"},
		{f.StepName("[linux/amd64 2/2] ADD --checksum=x [u, /greet]", at(4)), "[linux/amd64 component greet] from context"},
		{f.StepName("merging", at(3)), "merging"},
		{f.StepName("COPY x", nil), "COPY x"},
	}
	for _, c := range cases {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
	original := parser.WithLocation(errors.New("COPY failed"), at(3))
	if err := f.Translate(original, nil); err.Error() != "COMPONENT failed" || !errors.Is(err, original) {
		t.Errorf("translated to %v", err)
	}
}

// TestTranslationsTravel: given an error of a step that came from BuildKit by
// gRPC, what goes back is the translation, with the code of the original.
func TestTranslationsTravel(t *testing.T) {
	f, err := wasmfile.Parse([]byte("FROM scratch\nCOMPONENT a.wasm\n"), wasmfile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	original := grpcerrors.FromGRPC(status.Error(codes.NotFound, `failed to compute cache key: failed to calculate checksum of ref x::y: "/a.wasm": not found`))
	st, _ := status.FromError(grpcerrors.ToGRPC(t.Context(), f.Translate(original, f.Components[0].Location)))
	if want := `"a.wasm" is not in the build context; is it in .dockerignore, or a link out of it?`; st.Message() != want || st.Code() != codes.NotFound {
		t.Errorf("%s: %s", st.Code(), st.Message())
	}
}

// TestWildcardsAreNoArrays: given wildcards and names that look a little like a JSON
// array or like a path that was cut, they are sources as written.
func TestWildcardsAreNoArrays(t *testing.T) {
	for _, arguments := range []string{"[a-c].wasm", "[a-c].wasm lib/b[12].wasm", "[ab]", "a[[].wasm", `"a.wasm" 'b.wasm'`, `a\$b.wasm`, "ssh://example.com/a.git"} {
		f, err := wasmfile.Parse([]byte("FROM scratch\nCOMPONENT "+arguments+"\n"), wasmfile.Options{})
		if err != nil {
			t.Errorf("%s: %v", arguments, err)
		} else if got := strings.Join(f.Components[0].Sources(), " "); got != arguments {
			t.Errorf("%s is %s", arguments, got)
		}
	}
}
