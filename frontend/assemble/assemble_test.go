package assemble_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/wasmfile/wasmfile/frontend/assemble"
	"github.com/wasmfile/wasmfile/pkg/artifact"
	"github.com/wasmfile/wasmfile/pkg/wasm"
)

const (
	module    = "\x00asm\x01\x00\x00\x00"
	component = "\x00asm\x0d\x00\x01\x00"
)

// exporting is a module with a function of this name.
func exporting(name string) string {
	export := string([]byte{1, byte(len(name))}) + name + "\x00\x00"
	return module + "\x01\x04\x01\x60\x00\x00" + "\x03\x02\x01\x00" +
		"\x07" + string([]byte{byte(len(export))}) + export + "\x0a\x04\x01\x02\x00\x0b"
}

// step prepares the directories of a step: files of the stage, those below
// .wasmfile of its components, and the spec.
func step(t *testing.T, files map[string]string, spec assemble.Spec) assemble.Dirs {
	t.Helper()
	dirs := assemble.Dirs{Input: t.TempDir(), Components: t.TempDir(), Spec: t.TempDir(), Output: t.TempDir()}
	for name, content := range files {
		path := filepath.Join(dirs.Input, name)
		if component, ok := strings.CutPrefix(name, ".wasmfile/"); ok {
			path = filepath.Join(dirs.Components, component)
		}
		dir, isDir := filepath.Dir(path), strings.HasSuffix(name, "/")
		if isDir {
			dir = path
		}
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if isDir {
			continue
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	encoded, err := json.Marshal(spec)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dirs.Spec, assemble.SpecFile), encoded, 0o644); err != nil {
		t.Fatal(err)
	}
	return dirs
}

func componentNames(report assemble.Report) []string {
	var names []string
	for _, c := range report.Components {
		names = append(names, c.Name)
	}
	return names
}

func process(entrypoint []string, cmd ...string) dockerspec.DockerOCIImage {
	var config dockerspec.DockerOCIImage
	config.Config.Entrypoint, config.Config.Cmd = entrypoint, cmd
	return config
}

func TestLayout(t *testing.T) {
	dirs := step(t, map[string]string{
		".wasmfile/0001/files/b.wasm":        module,
		".wasmfile/0001/files/a.wasm":        component,
		".wasmfile/0002/as/third/other.wasm": module + "\x00\x02\x01x", // a custom section
		"etc/motd":                           "hello",
	}, assemble.Spec{
		Components:  make([]assemble.ComponentSpec, 2),
		Config:      process([]string{"third"}),
		Annotations: map[string]string{"k": "v"},
	})
	var log bytes.Buffer
	if err := assemble.Run(dirs, &log); err != nil {
		t.Fatal(err)
	}
	report, descriptor := readReport(t, dirs)
	if len(report.Components) != 3 || report.Components[2].Ordinal != 2 || descriptor == nil {
		t.Fatalf("the report is %+v of %v", report, descriptor)
	}
	if layer := report.Components[1].Layer; layer.Digest != digest.FromString(module) || layer.Size != int64(len(module)) {
		t.Errorf("the report says that b.wasm is layer %v", layer)
	}
	manifest := readManifest(t, dirs.Output)
	var names []string
	for _, l := range manifest.Layers {
		names = append(names, l.Annotations[ocispec.AnnotationTitle])
	}
	if want := []string{"a.wasm", "b.wasm", "third", ""}; !slices.Equal(names, want) {
		t.Errorf("layers are named %q, not %q", names, want)
	}
	if manifest.Annotations["k"] != "v" {
		t.Error("the annotation is lost")
	}
	for _, want := range []string{"third", "component", digest.FromString(module).String(), "artifact sha256:"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the summary does not say %q:\n%s", want, &log)
		}
	}
}

// TestMountedComponents: given sources that are mounted by themselves, files and
// the files of directories are components as if they had been copied.
func TestMountedComponents(t *testing.T) {
	files := map[string]string{
		".wasmfile/mounted/0001/0/z.wasm":      module,
		".wasmfile/mounted/0001/1/dir/y.wasm":  module + "\x00\x02\x01y",
		".wasmfile/mounted/0002/0/other.wasm":  component,
		".wasmfile/mounted/0003/0/dist/a.wasm": module,
		".wasmfile/mounted/0003/0/dist/b.wasm": module,
	}
	specs := []assemble.ComponentSpec{
		{Mounted: []string{"/z.wasm", "/lib/dir"}},
		{Mounted: []string{"/out/other.wasm"}, Name: "third"},
		{Mounted: []string{"/dist"}, Name: "one"},
	}
	dirs := step(t, files, assemble.Spec{Components: specs[:2], Config: process([]string{"third"})})
	if err := assemble.Run(dirs, &bytes.Buffer{}); err != nil {
		t.Fatal(err)
	}
	report, _ := readReport(t, dirs)
	names := componentNames(report)
	if want := []string{"y.wasm", "z.wasm", "third"}; !slices.Equal(names, want) {
		t.Errorf("components %q, not %q (%v)", names, want, report.Problem)
	}
	dirs = step(t, files, assemble.Spec{Components: specs})
	if err := assemble.Run(dirs, &bytes.Buffer{}); err != nil {
		t.Fatal(err)
	}
	if problem := problemOf(t, dirs); !strings.Contains(problem.Message, `2 files match (a.wasm, b.wasm), but "one" can name one only`) {
		t.Errorf("the problem is %v", problem)
	}
	for i := range 30 { // more than a person would read
		files[fmt.Sprintf(".wasmfile/mounted/0003/0/dist/more%d.wasm", i)] = module
	}
	dirs = step(t, files, assemble.Spec{Components: specs})
	if err := assemble.Run(dirs, &bytes.Buffer{}); err != nil {
		t.Fatal(err)
	}
	if problem := problemOf(t, dirs); !strings.Contains(problem.Message, "32 files match") || !strings.Contains(problem.Message, "and 12 more") {
		t.Errorf("the problem is %v", problem)
	}
}

func TestEntrypointOfASingleComponent(t *testing.T) {
	cases := []struct {
		name     string
		config   dockerspec.DockerOCIImage
		wantArgs []string
	}{
		{"none: the component's name", process(nil), []string{"a.wasm"}},
		{"one that names it is kept", process([]string{"/a"}, "1"), []string{"/a", "1"}},
		{"a function of it", process([]string{"a.wasm#f"}), []string{"a.wasm#f"}},
		{"a CMD that names it is kept", process(nil, "/a#f", "1"), []string{"/a#f", "1"}},
		{"a CMD with arguments only", process(nil, "--help"), []string{"a.wasm", "--help"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			dirs := step(t, map[string]string{".wasmfile/0001/files/a.wasm": exporting("f")}, assemble.Spec{Components: make([]assemble.ComponentSpec, 1), Config: c.config})
			if err := assemble.Run(dirs, &bytes.Buffer{}); err != nil {
				t.Fatal(err)
			}
			var config ocispec.Image
			readBlob(t, dirs.Output, readManifest(t, dirs.Output).Config.Digest, &config)
			if args := slices.Concat(config.Config.Entrypoint, config.Config.Cmd); !slices.Equal(args, c.wantArgs) {
				t.Errorf("starts %q, not %q", args, c.wantArgs)
			}
		})
	}
}

func TestProblems(t *testing.T) {
	one := map[string]string{".wasmfile/0001/files/a.wasm": exporting("greet")}
	two := map[string]string{".wasmfile/0001/files/a.wasm": module, ".wasmfile/0002/files/b.wasm": module}
	cases := map[string]struct {
		files    map[string]string
		spec     assemble.Spec
		subject  assemble.Subject
		ordinals []int
		says     []string
	}{
		"not Wasm": {
			map[string]string{".wasmfile/0001/files/a.sh": "#!/bin/sh"},
			assemble.Spec{Components: make([]assemble.ComponentSpec, 1)},
			assemble.SubjectComponent,
			[]int{1},
			[]string{"a.sh", "offset 0x0", "script"},
		},
		"a renamed file is named by its own name": {
			map[string]string{".wasmfile/0001/as/app/a.sh": "#!/bin/sh"},
			assemble.Spec{Components: make([]assemble.ComponentSpec, 1)},
			assemble.SubjectComponent,
			[]int{1},
			[]string{"a.sh"},
		},
		"truncated": {
			map[string]string{".wasmfile/0001/files/a.wasm": module + "\x01\x40"},
			assemble.Spec{Components: make([]assemble.ComponentSpec, 1)},
			assemble.SubjectComponent,
			[]int{1},
			[]string{"a.wasm", "offset 0xa", "truncated"},
		},
		"no match":                            {map[string]string{".wasmfile/0002/files/a.wasm": module}, assemble.Spec{Components: make([]assemble.ComponentSpec, 2)}, assemble.SubjectComponent, []int{1}, []string{"no file"}},
		"nothing at all":                      {nil, assemble.Spec{Components: make([]assemble.ComponentSpec, 1)}, assemble.SubjectComponent, []int{1}, []string{"no file"}},
		"the same name":                       {map[string]string{".wasmfile/0001/files/a.wasm": module, ".wasmfile/0002/as/a.wasm/b.wasm": module}, assemble.Spec{Components: make([]assemble.ComponentSpec, 2)}, assemble.SubjectComponent, []int{2, 1}, []string{`"a.wasm"`, "--name"}},
		"the same name in one instruction":    {map[string]string{".wasmfile/mounted/0001/0/a.wasm": module, ".wasmfile/mounted/0001/1/a.wasm": module}, assemble.Spec{Components: []assemble.ComponentSpec{{Mounted: []string{"/x/a.wasm", "/y/a.wasm"}}}}, assemble.SubjectComponent, []int{1}, []string{`"a.wasm"`}},
		"two for one name":                    {map[string]string{".wasmfile/0001/as/n/a.wasm": module, ".wasmfile/0001/as/n/b.wasm": module}, assemble.Spec{Components: make([]assemble.ComponentSpec, 1)}, assemble.SubjectComponent, []int{1}, []string{"a.wasm, b.wasm", `"n"`}},
		"none for a name":                     {map[string]string{".wasmfile/0001/as/n/": ""}, assemble.Spec{Components: make([]assemble.ComponentSpec, 1)}, assemble.SubjectComponent, []int{1}, []string{"no file"}},
		"none that is not excluded":           {map[string]string{".wasmfile/0001/files/a.wasm": module}, assemble.Spec{Components: []assemble.ComponentSpec{{Exclude: []string{"*.wasm"}}}}, assemble.SubjectComponent, []int{1}, []string{"no file", "--exclude"}},
		"a name with a function's mark":       {map[string]string{".wasmfile/0001/files/a#b.wasm": module}, assemble.Spec{Components: make([]assemble.ComponentSpec, 1)}, assemble.SubjectComponent, []int{1}, []string{`"a#b.wasm"`, "--name"}},
		"an empty name":                       {map[string]string{".wasmfile/0001/as/a.wasm": module}, assemble.Spec{Components: make([]assemble.ComponentSpec, 1)}, assemble.SubjectComponent, []int{1}, []string{"name is empty"}},
		"a path as name":                      {map[string]string{".wasmfile/0001/as/x/y/a.wasm": module}, assemble.Spec{Components: make([]assemble.ComponentSpec, 1)}, assemble.SubjectComponent, []int{1}, []string{"directory", "without a slash"}},
		"a directory":                         {map[string]string{".wasmfile/0001/files/sub/a.wasm": module}, assemble.Spec{Components: make([]assemble.ComponentSpec, 1)}, assemble.SubjectComponent, []int{1}, []string{"sub is a directory"}},
		"a bad file name":                     {map[string]string{".wasmfile/0001/files/a\x1b.wasm": module}, assemble.Spec{Components: make([]assemble.ComponentSpec, 1)}, assemble.SubjectComponent, []int{1}, []string{"control character", "--name"}},
		"no entrypoint":                       {two, assemble.Spec{Components: make([]assemble.ComponentSpec, 2)}, assemble.SubjectProcess, nil, []string{"a.wasm, b.wasm", "ENTRYPOINT"}},
		"a near entrypoint":                   {two, assemble.Spec{Components: make([]assemble.ComponentSpec, 2), Config: process([]string{"b.wsm"})}, assemble.SubjectProcess, nil, []string{`"b.wsm"`, `did you mean "b.wasm"?`}},
		"a wrong entrypoint for the only one": {one, assemble.Spec{Components: make([]assemble.ComponentSpec, 1), Config: process([]string{"/bin/x"})}, assemble.SubjectProcess, nil, []string{`"/bin/x"`, "a.wasm"}},
		"no such function":                    {one, assemble.Spec{Components: make([]assemble.ComponentSpec, 1), Config: process(nil, "a#grete")}, assemble.SubjectProcess, nil, []string{`"grete"`, `did you mean "greet"?`, "it has greet"}},
		"an empty function":                   {one, assemble.Spec{Components: make([]assemble.ComponentSpec, 1), Config: process([]string{"a#"})}, assemble.SubjectProcess, nil, []string{"after the #"}},
		"no component but a file": {
			map[string]string{".wasmfile/0001/files/a.json": "{}"},
			assemble.Spec{Components: []assemble.ComponentSpec{{MediaType: "application/json"}}},
			assemble.SubjectComponent,
			[]int{1},
			[]string{"needs a component"},
		},
		"a Wasm type that is not Wasm": {
			map[string]string{".wasmfile/0001/files/a.json": "{}"},
			assemble.Spec{Components: []assemble.ComponentSpec{{MediaType: artifact.MediaTypeWasm}}},
			assemble.SubjectComponent,
			[]int{1},
			[]string{"not a valid WebAssembly binary"},
		},
		"a component and a file of one name": {
			map[string]string{".wasmfile/0001/files/a": module, ".wasmfile/0002/files/a": "{}"},
			assemble.Spec{Components: []assemble.ComponentSpec{{}, {MediaType: "application/json"}}},
			assemble.SubjectComponent,
			[]int{2, 1},
			[]string{`"a"`},
		},
		"nothing of all that is optional": {nil, assemble.Spec{Components: []assemble.ComponentSpec{{Optional: true}}}, assemble.SubjectComponent, nil, []string{"--optional"}},
		"cncf, two components":            {two, cncf(2, process(nil)), assemble.SubjectComponent, []int{2, 1}, []string{"form cncf", "a.wasm and b.wasm"}},
		"cncf, a name that is none":       {one, cncf(1, process([]string{"b"})), assemble.SubjectProcess, nil, []string{"form cncf", `["b"]`, `"a.wasm"`}},
		"cncf, a function":                {one, cncf(1, process([]string{"a#f"})), assemble.SubjectProcess, nil, []string{"form cncf", `"a#f"`}},
		"cncf, an argument":               {one, cncf(1, process([]string{"a"}, "-x")), assemble.SubjectProcess, nil, []string{"form cncf", `"-x"`}},
		"cncf, another type":              {one, assemble.Spec{Components: []assemble.ComponentSpec{{MediaType: artifact.MediaTypeComponentLayer}}, Form: artifact.FormCNCF}, assemble.SubjectComponent, []int{1}, []string{"form cncf", "--media-type"}},
		"wrong entrypoint":                {two, assemble.Spec{Components: make([]assemble.ComponentSpec, 2), Config: process([]string{"/c"})}, assemble.SubjectProcess, nil, []string{`"/c"`, "a.wasm, b.wasm"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			dirs := step(t, c.files, c.spec)
			if err := assemble.Run(dirs, &bytes.Buffer{}); err != nil {
				t.Fatalf("the step fails, and the frontend cannot say at which line: %v", err)
			}
			problem := problemOf(t, dirs)
			if problem.Subject != c.subject || !slices.Equal(problem.Ordinals, c.ordinals) {
				t.Errorf("it is about %s %v, not %s %v", problem.Subject, problem.Ordinals, c.subject, c.ordinals)
			}
			for _, want := range c.says {
				if !strings.Contains(problem.Message, want) {
					t.Errorf("the message does not say %q: %s", want, problem.Message)
				}
			}
			if strings.Contains(problem.Message, artifact.ErrInvalid.Error()) {
				t.Errorf("the message speaks of an artifact, which nobody has yet: %s", problem.Message)
			}
			if _, err := os.Stat(filepath.Join(dirs.Output, ocispec.ImageLayoutFile)); !errors.Is(err, fs.ErrNotExist) {
				t.Error("there is a layout as well")
			}
		})
	}
}

// cncf is a spec of that form.
func cncf(components int, config dockerspec.DockerOCIImage) assemble.Spec {
	return assemble.Spec{Components: make([]assemble.ComponentSpec, components), Form: artifact.FormCNCF, Config: config}
}

// TestCNCF: given a component whose name is all that is said of the process,
// an artifact of the form cncf.
func TestCNCF(t *testing.T) {
	for _, config := range []dockerspec.DockerOCIImage{process(nil), process([]string{"/a"}), process(nil, "a.wasm")} {
		dirs := step(t, map[string]string{".wasmfile/0001/files/a.wasm": component}, cncf(1, config))
		if err := assemble.Run(dirs, &bytes.Buffer{}); err != nil {
			t.Fatal(err)
		}
		report, descriptor := readReport(t, dirs)
		if descriptor == nil || report.Components[0].Layer.MediaType != artifact.MediaTypeWasm {
			t.Errorf("the report is %+v of %v", report, descriptor)
		}
	}
}

// TestStartFile: given an image's config, its process is a component's path.
func TestStartFile(t *testing.T) {
	app := []assemble.ComponentReport{{Name: "app.wasm", Info: &wasm.Info{Kind: wasm.KindModule, Functions: []string{"f"}}}}
	two := append(app, assemble.ComponentReport{Name: "app", Info: &wasm.Info{Kind: wasm.KindModule}})
	cases := []struct {
		name            string
		components      []assemble.ComponentReport
		config          dockerspec.DockerOCIImage
		entrypoint, cmd []string
		problem         bool
	}{
		{"none", app, process(nil), []string{"/app.wasm"}, nil, false},
		{"a name", app, process([]string{"app"}, "-x"), []string{"/app.wasm"}, []string{"-x"}, false},
		{"a path with a function", app, process([]string{"/app.wasm#f"}), []string{"/app.wasm#f"}, nil, false},
		{"a command that names it", app, process(nil, "app", "-x"), nil, []string{"/app.wasm", "-x"}, false},
		{"arguments only", app, process(nil, "-x"), []string{"/app.wasm"}, []string{"-x"}, false},
		{"another file", app, process([]string{"/bin/x"}), nil, nil, true},
		{"one of two, by its whole name", two, process([]string{"app"}), []string{"/app"}, nil, false},
		{"none of two", two, process([]string{"x"}), nil, nil, true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			config := c.config.Config
			problem := assemble.StartFile(&config, c.components)
			if (problem != nil) != c.problem {
				t.Fatalf("problem %v", problem)
			}
			if problem == nil && (!slices.Equal(config.Entrypoint, c.entrypoint) || !slices.Equal(config.Cmd, c.cmd)) {
				t.Errorf("entrypoint %q, command %q", config.Entrypoint, config.Cmd)
			}
		})
	}
}

func TestCheckOnlyReports(t *testing.T) {
	dirs := step(t, map[string]string{".wasmfile/0001/files/a.wasm": module}, assemble.Spec{Components: make([]assemble.ComponentSpec, 1), CheckOnly: true})
	if err := assemble.Run(dirs, &bytes.Buffer{}); err != nil {
		t.Fatal(err)
	}
	report, manifest := readReport(t, dirs)
	if manifest != nil || report.Problem != nil {
		t.Errorf("manifest %v, problem %v", manifest, report.Problem)
	}
	if len(report.Components) != 1 || report.Components[0].Name != "a.wasm" || report.Components[0].Ordinal != 1 || report.Components[0].Info.Kind != wasm.KindModule {
		t.Errorf("components %+v", report.Components)
	}
	if entries, err := os.ReadDir(dirs.Output); err != nil || len(entries) != 1 {
		t.Errorf("it wrote %v (%v)", entries, err)
	}
}

func TestSymbolicLinksAreNoComponents(t *testing.T) {
	dirs := step(t, map[string]string{".wasmfile/0001/files/": "", "etc/a.wasm": module}, assemble.Spec{Components: make([]assemble.ComponentSpec, 1)})
	if err := os.Symlink("/etc/passwd", filepath.Join(dirs.Components, "0001/files/a.wasm")); err != nil {
		t.Fatal(err)
	}
	if err := assemble.Run(dirs, &bytes.Buffer{}); err != nil {
		t.Fatal(err)
	}
	if problem := problemOf(t, dirs); !strings.Contains(problem.Message, "a symbolic link, which is followed") {
		t.Error(problem)
	}
}

// TestFilesAndOptionalComponents: given a COMPONENT of another media type and
// one that brings nothing and may, the file is the last layer, no entrypoint,
// and the other is left out.
func TestFilesAndOptionalComponents(t *testing.T) {
	dirs := step(t, map[string]string{
		".wasmfile/0001/files/model.json": "{}",
		".wasmfile/0002/as/gone/":         "",
		".wasmfile/0003/files/a.wasm":     module,
		"etc/motd":                        "hello",
	}, assemble.Spec{Components: []assemble.ComponentSpec{{MediaType: "application/json"}, {Optional: true}, {MediaType: artifact.MediaTypeWasm}}})
	var log bytes.Buffer
	if err := assemble.Run(dirs, &log); err != nil {
		t.Fatal(err)
	}
	var index ocispec.Index
	content, err := os.ReadFile(filepath.Join(dirs.Output, ocispec.ImageIndexFile))
	if err := errors.Join(err, json.Unmarshal(content, &index)); err != nil {
		t.Fatal(err)
	}
	var manifest ocispec.Manifest
	readBlob(t, dirs.Output, index.Manifests[0].Digest, &manifest)
	var types []string
	for _, l := range manifest.Layers {
		types = append(types, l.MediaType)
	}
	if want := []string{artifact.MediaTypeWasm, ocispec.MediaTypeImageLayerGzip, "application/json"}; !slices.Equal(types, want) {
		t.Errorf("layers are %q, not %q", types, want)
	}
	if report, _ := readReport(t, dirs); len(report.Components) != 1 || report.Components[0].Ordinal != 3 {
		t.Errorf("the report is %+v", report)
	}
	for _, want := range []string{"model.json", "application/json", "2B"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the summary does not say %q:\n%s", want, &log)
		}
	}
}

// TestExclude: given patterns, files of these names are left out, before one of
// several is named.
func TestExclude(t *testing.T) {
	dirs := step(t, map[string]string{
		".wasmfile/0001/files/a.wasm":      module,
		".wasmfile/0001/files/a_test.wasm": "not Wasm",
		".wasmfile/0001/files/b_test.wasm": module,
		".wasmfile/0002/as/app/c.wasm":     module,
		".wasmfile/0002/as/app/d.wasm":     module,
	}, assemble.Spec{
		Components: []assemble.ComponentSpec{{Exclude: []string{"*_test.wasm", "!b*"}}, {Exclude: []string{"d*"}}},
		Config:     process([]string{"app"}),
	})
	if err := assemble.Run(dirs, &bytes.Buffer{}); err != nil {
		t.Fatal(err)
	}
	report, _ := readReport(t, dirs)
	names := componentNames(report)
	if want := []string{"a.wasm", "b_test.wasm", "app"}; !slices.Equal(names, want) {
		t.Errorf("components %q, not %q (%v)", names, want, report.Problem)
	}
}

func TestStepFails(t *testing.T) {
	dirs := step(t, nil, assemble.Spec{Components: make([]assemble.ComponentSpec, 1)})
	spec := filepath.Join(dirs.Spec, assemble.SpecFile)
	for name, content := range map[string]string{"not JSON": "{", "too large": strings.Repeat(" ", 4<<20+1)} {
		if err := os.WriteFile(spec, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := assemble.Run(dirs, &bytes.Buffer{}); err == nil || !strings.Contains(err.Error(), spec) {
			t.Errorf("a spec that is %s: %v", name, err)
		}
	}
}

func readReport(t *testing.T, dirs assemble.Dirs) (assemble.Report, *ocispec.Descriptor) {
	t.Helper()
	index, err := os.ReadFile(filepath.Join(dirs.Output, ocispec.ImageIndexFile))
	if err != nil {
		t.Fatal(err)
	}
	report, manifest, err := assemble.ReadReport(index)
	if err != nil {
		t.Fatal(err)
	}
	return report, manifest
}

func problemOf(t *testing.T, dirs assemble.Dirs) *assemble.Problem {
	t.Helper()
	report, manifest := readReport(t, dirs)
	if report.Problem == nil || manifest != nil {
		t.Fatalf("problem %v, manifest %v", report.Problem, manifest)
	}
	return report.Problem
}

func readManifest(t *testing.T, dir string) ocispec.Manifest {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(dir, ocispec.ImageIndexFile))
	if err != nil {
		t.Fatal(err)
	}
	var index ocispec.Index
	if err := json.Unmarshal(content, &index); err != nil {
		t.Fatal(err)
	}
	var manifest ocispec.Manifest
	readBlob(t, dir, index.Manifests[0].Digest, &manifest)
	if len(manifest.Layers) == 0 || manifest.Layers[0].MediaType != artifact.MediaTypeComponentLayer {
		t.Fatalf("no Wasm layer in %+v", manifest)
	}
	return manifest
}

func readBlob(t *testing.T, dir string, d digest.Digest, into any) {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(dir, ocispec.ImageBlobsDir, d.Algorithm().String(), d.Encoded()))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(content, into); err != nil {
		t.Fatal(err)
	}
}
