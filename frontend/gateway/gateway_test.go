package gateway

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/exporter/containerimage/exptypes"
	"github.com/moby/buildkit/frontend/dockerfile/dockerfile2llb"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/frontend/dockerui"
	"github.com/moby/buildkit/solver/errdefs"
	"github.com/moby/buildkit/solver/pb"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/wasmfile/wasmfile/frontend/assemble"
	"github.com/wasmfile/wasmfile/frontend/wasmfile"
	"github.com/wasmfile/wasmfile/pkg/artifact"
	"github.com/wasmfile/wasmfile/pkg/layoutwriter"
)

var host = ocispec.Platform{OS: "linux", Architecture: "amd64"}

// newBuild is a request for a Wasmfile that has been read and parsed.
func newBuild(t *testing.T, text string, targets ...ocispec.Platform) *build {
	t.Helper()
	file, err := wasmfile.Parse([]byte(text), wasmfile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	state := llb.Scratch()
	sourceMap := llb.NewSourceMap(&state, "Wasmfile", language, []byte(text))
	sourceMap.Definition = &llb.Definition{}
	return &build{
		file:   file,
		source: &dockerui.Source{SourceMap: sourceMap},
		ui: &dockerui.Client{Config: dockerui.Config{
			TargetPlatforms: targets,
			BuildPlatforms:  []ocispec.Platform{host},
		}},
	}
}

func TestPlatforms(t *testing.T) {
	platform := func(os, arch string) ocispec.Platform { return ocispec.Platform{OS: os, Architecture: arch} }
	arm := platform("linux", "arm64")
	cases := []struct {
		name      string
		requested []ocispec.Platform
		target    string
		image     bool
		says      string
	}{
		{"none: an artifact", nil, "wasip2", false, ""},
		{"the builder's own, which clients send: an artifact", []ocispec.Platform{host}, "wasip2", false, ""},
		{"another", []ocispec.Platform{arm}, "", false, "linux/arm64"},
		{"several", []ocispec.Platform{host, arm}, "", false, "linux/amd64, linux/arm64"},
		{"wasi/wasm: an image", []ocispec.Platform{platform("wasi", "wasm")}, "wasi", true, ""},
		{"wasip1/wasm: an image", []ocispec.Platform{platform("wasip1", "wasm")}, "wasip1", true, ""},
		{"two for Wasm: an index", []ocispec.Platform{platform("wasip1", "wasm"), platform("wasip2", "wasm")}, "wasip1", true, ""},
		{"a Wasm platform that is none", []ocispec.Platform{platform("wasip9", "wasm")}, "", false, "wasip9/wasm: no runtime"},
		{"Wasm and another", []ocispec.Platform{platform("wasi", "wasm"), host}, "", false, "for Wasm platforms only, not for linux/amd64"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			b := newBuild(t, "FROM scratch\nCOMPONENT a\n", c.requested...)
			target, image := b.platform()
			err := b.checkPlatforms(image)
			if c.says != "" {
				if err == nil || !strings.Contains(err.Error(), c.says) {
					t.Errorf("the error does not say %q: %v", c.says, err)
				}
				return
			}
			if err != nil || image != c.image || target.OS != c.target {
				t.Errorf("target %s, image %t, error %v", target.OS, image, err)
			}
		})
	}
}

func TestPlatformArgs(t *testing.T) {
	b := newBuild(t, "FROM scratch\n")
	b.ui.BuildArgs = map[string]string{"TARGETOS": "given", "OTHER": "x"}
	args := b.platformArgs(defaultPlatform)
	for key, want := range map[string]string{"TARGETOS": "given", "TARGETARCH": "wasm", "TARGETPLATFORM": "wasip2/wasm", "BUILDPLATFORM": "linux/amd64"} {
		if args[key] != want {
			t.Errorf("%s is %q, not %q", key, args[key], want)
		}
	}
	options := b.convertOptions(t.Context(), defaultPlatform)
	want := map[string]string{"TARGETOS": "given", "OTHER": "x", "TARGETARCH": "wasm", "TARGETPLATFORM": "wasip2/wasm", "TARGETVARIANT": ""}
	if !maps.Equal(options.BuildArgs, want) || options.TargetPlatform != nil {
		t.Errorf("converts with %v for %v", options.BuildArgs, options.TargetPlatform)
	}
	if len(b.ui.BuildArgs) != 2 {
		t.Error("the request's own build arguments are changed")
	}
}

func TestIsContext(t *testing.T) {
	b := newBuild(t, "FROM scratch\n")
	b.opts = map[string]string{"context:base": "x", "context:other::linux/amd64": "y", "build-arg:context:no": "z"}
	for stage, want := range map[string]bool{"base": true, "BASE": true, "other": true, "no": false, "": false} {
		if b.isContext(stage) != want {
			t.Errorf("stage %q is replaced: %t", stage, !want)
		}
	}
}

func TestCaps(t *testing.T) {
	for _, required := range []string{"", "moby.buildkit.frontend.inputs", "moby.buildkit.frontend.contexts+forward,moby.buildkit.frontend.subrequests"} {
		if err := checkCaps(required); err != nil {
			t.Errorf("%q: %v", required, err)
		}
	}
	var unsupported *errdefs.UnsupportedFrontendCapError
	if err := checkCaps("moby.buildkit.frontend.inputs,moby.buildkit.frontend.future+forward"); !errors.As(err, &unsupported) {
		t.Errorf("an unknown capability: %v", err)
	}
}

// TestImageGuard: given the result of an artifact build, what all of
// BuildKit's image exporters do with its metadata fails and says what to do.
func TestImageGuard(t *testing.T) {
	_, isAnnotation, err := exptypes.ParseAnnotationKey(metaImageGuard)
	if !isAnnotation || err == nil {
		t.Fatalf("image exporters do not fail on %s (%v)", metaImageGuard, err)
	}
	for _, want := range []string{"wasm-artifact", "output-type-local", "output-type-tar", "platform-wasi-wasm"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not say %s: %v", want, err)
		}
	}
}

func TestSpec(t *testing.T) {
	b := newBuild(t, "FROM x\nCOMPONENT a\nCMD [\"own\"]\n")
	now := time.Unix(1_700_000_000, 0)
	converted := &dockerfile2llb.Result{Epoch: &now, Image: &dockerspec.DockerOCIImage{}}
	converted.Image.Created = &now
	converted.Image.History = []ocispec.History{{}}
	converted.Image.Architecture = "amd64"
	converted.Image.Config.Entrypoint = []string{"/of/the/base"}
	converted.Image.Config.Cmd = []string{"own"}
	converted.Image.Config.Healthcheck = &dockerspec.HealthcheckConfig{Test: []string{"CMD", "/of/the/base"}}
	converted.Image.Config.Labels = map[string]string{"org.opencontainers.image.url": "u"}
	b.format = format{form: artifact.FormCNCF, compression: layoutwriter.Compression{Algorithm: layoutwriter.Zstd}}
	spec := b.spec(converted)
	switch {
	case spec.Form != artifact.FormCNCF, spec.Compression.Algorithm != layoutwriter.Zstd:
		t.Error("the format is lost")
	case spec.Epoch == nil || *spec.Epoch != now.Unix():
		t.Errorf("spec %+v", spec)
	case spec.Config.Created != nil, spec.Config.History != nil, spec.Config.Architecture != "":
		t.Error("times, history or platform of the build are in the spec: they would change its cache key")
	case spec.Config.Config.Entrypoint != nil:
		t.Error("the entrypoint of the base image is kept, which is not a component")
	case spec.Config.Config.Healthcheck != nil:
		t.Error("the health check of the base image is kept, which is not of a component")
	case len(spec.Config.Config.Cmd) != 1:
		t.Error("the Wasmfile's own CMD is lost")
	case spec.Annotations["org.opencontainers.image.url"] != "u":
		t.Error("the standard label is not an annotation")
	}
	if converted.Image.History == nil || converted.Image.Config.Healthcheck == nil {
		t.Error("the conversion's result is changed")
	}
	b.file = newBuild(t, "FROM x AS base\nHEALTHCHECK CMD [\"a\"]\nFROM base\nCOMPONENT a\n").file
	if b.spec(converted).Config.Config.Healthcheck == nil {
		t.Error("the Wasmfile's own HEALTHCHECK is lost")
	}
}

// TestLabelsOfTheBuild: given a label that a build writes itself, it is refused on the
// command line, as a variable makes it in the Wasmfile and as an ONBUILD does, and
// replaced when the base image has it.
func TestLabelsOfTheBuild(t *testing.T) {
	const key = artifact.LabelComponentPrefix + "a"
	converted := &dockerfile2llb.Result{Image: &dockerspec.DockerOCIImage{}, BaseImage: &dockerspec.DockerOCIImage{}}
	converted.Image.Config.Labels = map[string]string{key: "x", "team": "web"}
	b := newBuild(t, "FROM x\nCOMPONENT a\nLABEL team=web\nLABEL $KEY=x\n")
	for text, line := range map[string]int32{
		string(b.file.Text()): 4,
		"FROM y AS x\nONBUILD LABEL " + key + "=x\nFROM x\nCOMPONENT a\n": 2,
		"# of the image\nFROM x\nONBUILD RUN y\nCOMPONENT a\n":            2,
	} {
		b := newBuild(t, text)
		sources := errdefs.Sources(b.locate(b.checkLabels(converted)))
		if len(sources) != 1 || sources[0].Ranges[0].Start.Line != line {
			t.Errorf("%s\nis shown at %v", text, sources)
		}
	}
	converted.BaseImage.Config.Labels = map[string]string{key: "x"}
	if err := b.checkLabels(converted); err != nil {
		t.Errorf("of the base image: %v", err)
	}
	b.ui.Labels = map[string]string{key: "x"}
	if err := b.checkLabels(converted); err == nil || !strings.Contains(err.Error(), "--label") {
		t.Errorf("of the command line: %v", err)
	}
}

func TestProblemsAreShownAtTheirLines(t *testing.T) {
	const several = "FROM scratch\nCOMPONENT a\nCOMPONENT \\\n  b\n"
	cases := []struct {
		name    string
		text    string
		problem assemble.Problem
		lines   []int
	}{
		{"a component", several, assemble.Problem{Subject: assemble.SubjectComponent, Ordinals: []int{2}}, []int{3}},
		{"two components", several, assemble.Problem{Subject: assemble.SubjectComponent, Ordinals: []int{2, 1}}, []int{3, 2}},
		{"an ordinal that cannot be", several, assemble.Problem{Subject: assemble.SubjectComponent, Ordinals: []int{0, 9}}, nil},
		{"the entrypoint", several + "CMD [\"x\"]\nENTRYPOINT [\"c\"]\n", assemble.Problem{Subject: assemble.SubjectProcess}, []int{6}},
		{"the command", several + "CMD [\"c\"]\n", assemble.Problem{Subject: assemble.SubjectProcess}, []int{5}},
		{"neither: the last component", several, assemble.Problem{Subject: assemble.SubjectProcess}, []int{3}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			b := newBuild(t, c.text)
			c.problem.Message = "it is wrong"
			err := b.locate(b.problemError(&c.problem))
			if err.Error() != "it is wrong" {
				t.Errorf("message %q", err)
			}
			sources := errdefs.Sources(err)
			if len(sources) != len(c.lines) {
				t.Fatalf("%d places, not %d", len(sources), len(c.lines))
			}
			var got []int
			for _, s := range sources {
				got = append(got, int(s.Ranges[0].Start.Line))
				if string(s.Info.Data) != c.text {
					t.Error("it does not show the user's text")
				}
			}
			for _, line := range c.lines {
				if !slices.Contains(got, line) {
					t.Errorf("lines %v, not %v", got, c.lines)
				}
			}
		})
	}
}

// TestTooManyInstructions: given more COMPONENTs than an artifact can have
// layers, the first that is too many is shown.
func TestTooManyInstructions(t *testing.T) {
	b := newBuild(t, "FROM scratch\n"+strings.Repeat("COMPONENT a.wasm\n", maxInstructions))
	if err := b.checkInstructions(); err != nil {
		t.Error(err)
	}
	b = newBuild(t, "FROM scratch\n"+strings.Repeat("COMPONENT a.wasm\n", maxInstructions+1))
	sources := errdefs.Sources(b.locate(b.checkInstructions()))
	if len(sources) != 1 || sources[0].Ranges[0].Start.Line != maxInstructions+2 {
		t.Errorf("shown at %v", sources)
	}
}

func TestNoMessageShowsTheRendering(t *testing.T) {
	b := newBuild(t, "FROM scratch\nCOMPONENT a.wasm\n")
	err := b.locate(parser.WithLocation(errors.New("COPY failed: /.wasmfile/0001/files/a.wasm"), []parser.Range{{Start: parser.Position{Line: 2}, End: parser.Position{Line: 2}}}))
	if err.Error() != "COMPONENT failed: a.wasm" || len(errdefs.Sources(err)) != 1 {
		t.Errorf("%v at %d places", err, len(errdefs.Sources(err)))
	}
}

func TestStepsHaveTheUsersNames(t *testing.T) {
	b := newBuild(t, "FROM scratch\nCOMPONENT --link a.wasm   b\n")
	definition := &pb.Definition{Metadata: map[string]*pb.OpMetadata{
		"copy":  {Description: map[string]string{"llb.customname": "[1/1] COPY [a.wasm, /.wasmfile/0001/as/b/]"}},
		"group": {ProgressGroup: &pb.ProgressGroup{Name: "[1/1] COPY --link [a.wasm, /.wasmfile/0001/as/b/]"}},
	}, Source: &pb.Source{Locations: make(map[string]*pb.Locations)}}
	for digest := range definition.Metadata {
		definition.Source.Locations[digest] = &pb.Locations{Locations: []*pb.Location{{Ranges: toPB(b.file.Components[0].Location)}}}
	}
	b.nameSteps(definition)
	const want = "[component b] from context"
	if got := definition.Metadata["copy"].Description["llb.customname"]; got != want {
		t.Errorf("step %q", got)
	}
	if got := definition.Metadata["group"].ProgressGroup.Name; got != want {
		t.Errorf("group %q", got)
	}
}

func TestWarningsAreShownOnce(t *testing.T) {
	var w warnings
	if !w.first("r", "a") || w.first("r", "a") || !w.first("r", "b") {
		t.Error("a warning is shown twice or not at all")
	}
}

// TestExplainStep: given the failure of a step of the frontend's own, a message
// without its command line; given another error, the same.
func TestExplainStep(t *testing.T) {
	failed := errors.New(`process "/run/wasmfile/program/wasmfile-frontend assemble" did not complete successfully: exit code: 137`)
	if err := explainStep(failed); !errors.Is(err, failed) || strings.Contains(err.Error(), programDir) || !strings.Contains(err.Error(), "exit code: 137") {
		t.Error(err)
	}
	other := errors.New(`process "/bin/sh -c exit 1" did not complete successfully: exit code: 1`)
	if err := explainStep(other); err != other {
		t.Error(err)
	}
}
