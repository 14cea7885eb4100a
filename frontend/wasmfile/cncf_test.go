package wasmfile_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/moby/buildkit/frontend/dockerfile/parser"

	"github.com/wasmfile/wasmfile/frontend/wasmfile"
)

// TestCNCFRefusesWhatItWouldLose: given an instruction, the form has a place
// for it, or there is an error at its line.
func TestCNCFRefusesWhatItWouldLose(t *testing.T) {
	for _, fits := range []string{
		"ARG X=1", "MAINTAINER me", `ANNOTATION any=value`, `LABEL org.opencontainers.image.title=a "org.opencontainers.image.url"=b`,
		`ENTRYPOINT ["a"]`, `CMD ["a"]`, `ENTRYPOINT []`, "ENTRYPOINT [\"a\", \"x\"]\nENTRYPOINT [\"a\"]", "COMPONENT b.wasm",
	} {
		if err := checkCNCF(t, "FROM scratch\nCOMPONENT a.wasm\n"+fits+"\n"); err != nil {
			t.Errorf("%s: %v", fits, err)
		}
	}
	for lost, says := range map[string]string{
		"ADD motd /":                      "ADD",
		"COPY motd /":                     "COPY",
		"RUN [\"x\"]":                     "RUN",
		"WORKDIR /data":                   "WORKDIR",
		"ENV A=1":                         "ARG",
		"EXPOSE 80":                       "EXPOSE",
		"VOLUME /data":                    "VOLUME",
		"USER 1000":                       "USER",
		"STOPSIGNAL SIGINT":               "STOPSIGNAL",
		"HEALTHCHECK NONE":                "HEALTHCHECK",
		"SHELL [\"x\"]":                   "SHELL",
		"ONBUILD RUN x":                   "ONBUILD",
		"LABEL team=web":                  "ANNOTATION team",
		"LABEL $KEY=x":                    "ANNOTATION",
		"ENTRYPOINT [\"a#f\"]":            "ENTRYPOINT",
		"ENTRYPOINT [\"a\", \"-x\"]":      "ENTRYPOINT",
		"CMD [\"a\", \"-x\"]":             "CMD",
		"ENTRYPOINT [\"a\"]\nCMD [\"x\"]": "CMD",
	} {
		err := checkCNCF(t, "FROM scratch\nCOMPONENT a.wasm\n"+lost+"\n")
		var located *parser.LocationError
		if !errors.As(err, &located) || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: no error at a line that says %s: %v", lost, says, err)
			continue
		}
		if want := 3 + strings.Count(lost, "\n"); located.Locations[0][0].Start.Line != want {
			t.Errorf("%s: at line %d, not %d", lost, located.Locations[0][0].Start.Line, want)
		}
	}
}

// TestCNCFOfOtherStages: given stages, those that the target is FROM count and
// those that it copies from do not.
func TestCNCFOfOtherStages(t *testing.T) {
	cases := []struct {
		name, text string
		line       int
	}{
		{"a stage that builds", "FROM busybox AS build\nENV A=1\nRUN make\nFROM scratch\nCOMPONENT --from=build /a.wasm\n", 0},
		{"a stage that the target is from", "FROM scratch AS base\nENV A=1\nFROM base\nCOMPONENT a.wasm\n", 2},
		{"an image", "FROM scratch\nFROM busybox\nCOMPONENT a.wasm\n", 2},
		{"an image below a stage", "FROM busybox AS base\nFROM base\nCOMPONENT a.wasm\n", 1},
		{"scratch by a variable", "ARG BASE=scratch\nFROM ${BASE}\nCOMPONENT a.wasm\n", 0},
		{"a context in place of a stage", "FROM scratch AS replaced\nFROM replaced\nCOMPONENT a.wasm\n", 2},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			err := checkCNCF(t, c.text)
			var located *parser.LocationError
			if c.line == 0 && err != nil || c.line != 0 && !errors.As(err, &located) {
				t.Fatalf("error %v", err)
			}
			if c.line != 0 && located.Locations[0][0].Start.Line != c.line {
				t.Errorf("at line %d, not %d", located.Locations[0][0].Start.Line, c.line)
			}
		})
	}
}

func checkCNCF(t *testing.T, text string) error {
	t.Helper()
	f, err := wasmfile.Parse([]byte(text), wasmfile.Options{IsContext: func(stage string) bool { return stage == "replaced" }})
	if err != nil {
		t.Fatal(err)
	}
	return errors.Join(f.CheckProcess(), f.CheckCNCF())
}
