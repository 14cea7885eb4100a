package e2e

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// runwasiRuntime is the shim of test/e2e/tools/runwasi, which prints what
// runwasi's library finds.
const runwasiRuntime = "io.containerd.runwasitest.v1"

// runwasiReport is what the shim prints.
type runwasiReport struct {
	Args, Envs []string
	Func       string
	Layers     []struct {
		MediaType, Digest, Content string
		Size                       int64
	}
	Runs, Error string // the digest of the component, or why there is none
}

func readReport(t *testing.T, r result) runwasiReport {
	t.Helper()
	var report runwasiReport
	if err := json.Unmarshal([]byte(r.stdout), &report); err != nil {
		t.Fatalf("exit code %d: %v\n%s", r.code, err, r.all())
	}
	return report
}

// TestRunwasiReads: given an artifact of each form, pulled by the plugin or by
// ctr and run by either, runwasi's library hands over exactly its component.
func TestRunwasiReads(t *testing.T) {
	onlyBy(t, "test-runwasi")
	greet := filepath.Join(example("greet"), "greet.wasm")
	sum := "sha256:" + fileSum(t, greet)
	for form, wasmfile := range map[string]string{
		"oci":  "FROM scratch\nCOMPONENT greet.wasm\nENV COLOUR=blue\nENTRYPOINT [\"greet\"]\nCMD [\"you\"]\n",
		"cncf": "FROM scratch\nCOMPONENT greet.wasm\n",
	} {
		layout := build{dir: greetWith(t, wasmfile), flags: []string{"--build-arg", "WASMFILE_FORM=" + form}}.layout(t)
		built := layers(t, layout)
		ref := push(t, layout, "runwasi-"+form)
		for _, puller := range []string{"nerdctl wasm", "ctr"} {
			namespace := unique("runwasi")
			defer removeNamespace(t, namespace)
			_, wasm := inNamespace(namespace)
			ctr := []string{"ctr", "-n", namespace}
			if puller == "ctr" {
				must(t, append(ctr, "image", "pull", "--plain-http", ref)...)
			} else {
				must(t, append(wasm, "pull", "-q", ref)...)
			}
			for runner, args := range map[string][]string{
				"nerdctl wasm": append(slices.Clone(wasm), "run", "--rm", "-q", "--runtime", runwasiRuntime, ref),
				"ctr":          append(ctr, "run", "--rm", "--runtime", runwasiRuntime, ref, unique("ctr")),
			} {
				t.Run(form+"/pulled by "+puller+"/run by "+runner, func(t *testing.T) {
					if form == "cncf" && runner == "ctr" {
						fails(t, []string{"unknown image config media type"}, args...)
						return
					}
					report := readReport(t, try(t, args...))
					if len(report.Layers) != 1 || report.Error != "" || report.Runs != sum || report.Func != "_start" {
						t.Fatalf("it hands over %+v", report)
					}
					got := report.Layers[0]
					if got.Digest != sum || got.Content != sum || got.Digest != built[0].Digest || got.MediaType != built[0].MediaType {
						t.Errorf("it hands over %+v; built was %+v, of %s", got, built[0], sum)
					}
					want := []string{"greet", "you"}
					if form == "cncf" {
						want = []string{"greet.wasm"}
					}
					if !slices.Equal(report.Args, want) || (form == "oci") != slices.Contains(report.Envs, "COLOUR=blue") {
						t.Errorf("arguments %q, environment %q", report.Args, report.Envs)
					}
				})
			}
		}
	}
}

// TestRunwasiCannotRun: given what runwasi's library does not find or hands
// over only in part, the plugin refuses it for runwasi's shims before there is
// a container, with the reason.
func TestRunwasiCannotRun(t *testing.T) {
	onlyBy(t, "test-runwasi")
	greet := greetWasm(t)
	files := map[string]string{"greet.wasm": greet}
	for name, c := range map[string]struct {
		ref     string
		says    string // the plugin
		library string // of two layers, when it finds them
	}{
		"several components":         {publishTwo(t), "runs one component, and this has 2: a.wasm, b.wasm", "only a single module is supported"},
		"an older type":              {pushFiles(t, files, "greet.wasm:application/vnd.wasm.content.layer.v1+wasm"), "architecture", ""},
		"a config that says nothing": {pushFiles(t, files, "greet.wasm:application/wasm"), "architecture", ""},
		"a file":                     {filepath.Join(example("greet"), "greet.wasm"), "a file is none", ""},
	} {
		t.Run(name, func(t *testing.T) {
			container := unique("refused")
			fails(t, []string{c.says, "leave out --runtime"}, wasmRun("--name", container, "--runtime", "io.containerd.wasmtime.v1", c.ref)...)
			if out := must(t, "ctr", "container", "ls", "-q"); strings.Contains(out, container) {
				t.Errorf("there is a container: %s", out)
			}
			// The plugin does not know this runtime, and the library fails.
			r := try(t, wasmRun("--runtime", runwasiRuntime, c.ref)...)
			if r.code == 0 || c.library == "" && r.stdout != "" {
				t.Fatalf("exit code %d: %s", r.code, r.all())
			}
			if c.library != "" {
				if report := readReport(t, r); r.code != 137 || !strings.Contains(report.Error, c.library) || len(report.Layers) != 2 {
					t.Errorf("exit code %d, it hands over %+v", r.code, report)
				}
			}
		})
	}
}

// TestRunwasiNetworks: given a network of nerdctl's, whose hooks runwasi's
// library does not take as they are, the container starts.
func TestRunwasiNetworks(t *testing.T) {
	onlyBy(t, "test-runwasi")
	ref := probe(t, "component")
	for name, flags := range map[string][]string{
		"none": {"--net", "none"}, "host": {"--net", "host"}, "bridge": {}, "a published port": {"-p", "127.0.0.1:" + freePort(t) + ":80"},
	} {
		t.Run(name, func(t *testing.T) {
			if report := readReport(t, try(t, wasmRun(append(flags, "--runtime", runwasiRuntime, ref, "x")...)...)); report.Runs == "" {
				t.Errorf("it hands over %+v", report)
			}
		})
	}
}

// TestRunwasiStarts: given a container that has ended, of a network whose hooks
// nerdctl writes anew, nerdctl starts it again.
func TestRunwasiStarts(t *testing.T) {
	onlyBy(t, "test-runwasi")
	name := unique("runwasi")
	must(t, "nerdctl", "wasm", "create", "-q", "--name", name, "--runtime", runwasiRuntime, probe(t, "component"), "x")
	defer try(t, "nerdctl", "rm", "-f", name)
	for _, verb := range []string{"start", "start", "restart"} {
		must(t, "timeout", "60", "nerdctl", "wasm", verb, name)
		if code := must(t, "nerdctl", "wait", name); code != "0" {
			t.Errorf("after %s it ends with %s", verb, code)
		}
	}
}
