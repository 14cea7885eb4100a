package e2e

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// TestSyntaxDirective: given a Wasmfile whose first line names the frontend,
// it needs no build argument, and both builders get it from there.
func TestSyntaxDirective(t *testing.T) {
	dir := write(t, map[string]string{
		"app.wasm": greetWasm(t),
		"Wasmfile": "# syntax=" + os.Getenv("WASMFILE_FRONTEND") + "\nFROM scratch\nCOMPONENT app.wasm\n",
	})
	want := layoutDigest(t, build{dir: dir}.layout(t))
	for _, builder := range []string{dockerBuilder, buildkitBuilder()} {
		layout := t.TempDir()
		must(t, "docker", "buildx", "build", "--builder", builder, "-f", dir+"/Wasmfile", "-o", "type=local,dest="+layout, dir)
		if got := layoutDigest(t, layout); got != want {
			t.Errorf("%s builds %s, not %s", builder, got, want)
		}
	}
}

// TestEscapeDirective: given another character that continues a line, it does
// in both new instructions, and a backslash is one.
func TestEscapeDirective(t *testing.T) {
	dir := write(t, map[string]string{
		"app.wasm": greetWasm(t),
		"Wasmfile": "# escape=`\nFROM scratch\nCOMPONENT `\n  # a comment\n  --name=first `\n\n  app.wasm\nANNOTATION a=b `\n  path=C:\\dir\nENV path=C:\\dir\n",
	})
	layout := build{dir: dir}.layout(t)
	var manifest struct {
		Config      descriptor
		Annotations map[string]string
	}
	blob(t, layout, layoutDigest(t, layout), &manifest)
	var config struct{ Config struct{ Env []string } }
	blob(t, layout, manifest.Config.Digest, &config)
	if got := unpacked(t, layout).components; !slices.Equal(got, []string{"first"}) {
		t.Errorf("components %v", got)
	}
	if manifest.Annotations["path"] != `C:\dir` || manifest.Annotations["a"] != "b" {
		t.Errorf("annotations %v", manifest.Annotations)
	}
	if !slices.Equal(config.Config.Env, []string{`path=C:\dir`}) {
		t.Errorf("environment %v", config.Config.Env)
	}
}

// TestCheckDirective: given a Wasmfile with a warning, it is shown, or skipped,
// or an error, at its line, as the directive says.
func TestCheckDirective(t *testing.T) {
	for directive, c := range map[string]struct {
		ok    bool
		warns bool
	}{
		"":                                     {true, true},
		"# check=skip=FromAsCasing":            {true, false},
		"# check=error=true":                   {false, true},
		"# check=skip=FromAsCasing;error=true": {true, false},
	} {
		t.Run(directive, func(t *testing.T) {
			dir := write(t, map[string]string{
				"app.wasm": greetWasm(t),
				"Wasmfile": directive + "\nFROM scratch as app\nCOMPONENT app.wasm\n",
			})
			r := build{dir: dir, output: "type=local,dest=" + t.TempDir()}.run(t)
			if (r.code == 0) != c.ok || strings.Contains(r.all(), "FromAsCasing") != c.warns {
				t.Errorf("exit code %d:\n%s", r.code, r.all())
			}
			if c.warns && !strings.Contains(r.all(), "(line 2)") {
				t.Errorf("it does not say which line:\n%s", r.all())
			}
			checked := build{dir: dir, flags: []string{"--check"}}.run(t)
			if strings.Contains(checked.all(), "Wasmfile:2") != c.warns || (checked.code == 0) == c.warns {
				t.Errorf("--check: exit code %d:\n%s", checked.code, checked.all())
			}
		})
	}
}

// TestTargets: given three stages, a target has its own components and those
// of the stage that it is FROM; the file of another stage need not be there.
func TestTargets(t *testing.T) {
	dir := write(t, map[string]string{
		"a.wasm": greetWasm(t),
		"b.wasm": greetWasm(t),
		"Wasmfile": "FROM scratch AS small\nCOMPONENT a.wasm\n" +
			"FROM small AS large\nCOMPONENT b.wasm\nENTRYPOINT [\"a\"]\n" +
			"FROM scratch AS broken\nCOMPONENT nowhere.wasm\n",
	})
	for target, want := range map[string]string{"small": "a.wasm", "large": "a.wasm b.wasm"} {
		layout := build{dir: dir, flags: []string{"--target", target}}.layout(t)
		if got := strings.Join(unpacked(t, layout).components, " "); got != want {
			t.Errorf("%s has %s, not %s", target, got, want)
		}
	}
	out := "type=local,dest=" + t.TempDir()
	fails(t, []string{"Wasmfile:7", "nowhere.wasm"}, build{dir: dir, output: out}.args()...)
	fails(t, []string{"nothing"}, build{dir: dir, output: out, flags: []string{"--target", "nothing"}}.args()...)
}

// TestBuildArguments: given arguments with and without defaults, before and in
// a stage, COMPONENT, ANNOTATION and ENTRYPOINT's neighbours use their values,
// and the predefined ones say for what is built.
func TestBuildArguments(t *testing.T) {
	dir := write(t, map[string]string{
		"one.wasm": greetWasm(t), "two.wasm": greetWasm(t),
		"Wasmfile": "ARG BUSYBOX_IMAGE\nARG FILE=one\nFROM ${BUSYBOX_IMAGE} AS build\nARG TARGETPLATFORM TARGETOS TARGETARCH TARGETVARIANT BUILDOS\n" +
			"RUN echo \"$TARGETPLATFORM $TARGETOS $TARGETARCH [$TARGETVARIANT] $BUILDOS\" > /platforms\n" +
			"FROM scratch\nARG FILE\nARG VERSION=1\nCOMPONENT --name=${FILE}-${VERSION} ${FILE}.wasm\nANNOTATION version=${VERSION}\nCOPY --from=build /platforms /\n",
	})
	for _, c := range []struct {
		flags           []string
		name, platforms string
	}{
		{nil, "one-1", "wasip2/wasm wasip2 wasm [] linux\n"},
		{[]string{"--build-arg", "FILE=two", "--build-arg", "VERSION=2"}, "two-2", "wasip2/wasm wasip2 wasm [] linux\n"},
		{[]string{"--build-arg", "TARGETOS=wasip1"}, "one-1", "wasip2/wasm wasip1 wasm [] linux\n"},
	} {
		found := unpacked(t, build{dir: dir, flags: c.flags}.layout(t))
		if !slices.Equal(found.components, []string{c.name}) || found.files["platforms"].text != c.platforms {
			t.Errorf("with %v: %+v", c.flags, found)
		}
	}
}

// TestHeredocs: given here-documents with lines that look like instructions,
// they stay text, and RUN runs them.
func TestHeredocs(t *testing.T) {
	dir := write(t, map[string]string{
		"app.wasm": greetWasm(t),
		"Wasmfile": "ARG BUSYBOX_IMAGE\nFROM ${BUSYBOX_IMAGE} AS build\nRUN <<script\nset -e\nCOMPONENT() { echo \"called with $*\" > /made; }\nCOMPONENT app.wasm\nscript\n" +
			"FROM scratch\nARG WHO=Ada\nCOMPONENT app.wasm\nCOPY --from=build /made /\n" +
			"COPY <<plain <<-\"quoted\" /\nCOMPONENT ${WHO}\nANNOTATION a=b\nplain\n\tCOMPONENT ${WHO}\nquoted\n",
	})
	found := unpacked(t, build{dir: dir}.layout(t))
	for path, want := range map[string]string{
		"made": "called with app.wasm\n", "plain": "COMPONENT Ada\nANNOTATION a=b\n", "quoted": "COMPONENT ${WHO}\n",
	} {
		if got := found.files[path].text; got != want {
			t.Errorf("/%s has %q, not %q", path, got, want)
		}
	}
	if !slices.Equal(found.components, []string{"app.wasm"}) {
		t.Errorf("components %v", found.components)
	}
}

// TestOnbuildOfABaseImage: given a base image with triggers, they run in the
// Wasmfile's stage, and its config does not have them again.
func TestOnbuildOfABaseImage(t *testing.T) {
	image := registry() + "/e2e/" + unique("onbuild") + ":1"
	base := write(t, map[string]string{"Dockerfile": "ARG BUSYBOX_IMAGE\nFROM ${BUSYBOX_IMAGE}\nONBUILD COPY input /work/\nONBUILD RUN cat /work/input /work/input > /doubled\nONBUILD ENV FROM_BASE=yes\n"})
	must(t, "docker", "buildx", "build", "--builder", buildkitBuilder(), "--build-arg", "BUSYBOX_IMAGE="+busybox(), "--provenance=false", "--push", "-t", image, base)
	dir := write(t, map[string]string{
		"app.wasm": greetWasm(t), "input": "twice\n",
		"Wasmfile": "FROM " + image + " AS build\nFROM scratch\nCOPY --from=build /doubled /\nCOMPONENT app.wasm\n",
		"Direct":   "FROM " + image + "\nCOMPONENT app.wasm\n",
	})
	if got := unpacked(t, build{dir: dir}.layout(t)).files["doubled"].text; got != "twice\ntwice\n" {
		t.Errorf("its triggers made %q", got)
	}
	layout := build{dir: dir, file: dir + "/Direct"}.layout(t)
	var manifest struct{ Config descriptor }
	blob(t, layout, layoutDigest(t, layout), &manifest)
	var config struct {
		Config struct{ Env, OnBuild []string }
	}
	blob(t, layout, manifest.Config.Digest, &config)
	if !slices.Contains(config.Config.Env, "FROM_BASE=yes") || len(config.Config.OnBuild) != 0 {
		t.Errorf("its config is %+v", config)
	}
}
