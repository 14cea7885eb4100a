package e2e

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// inNamespace are commands of nerdctl and its wasm in a namespace of their own.
func inNamespace(namespace string) (nerdctl, wasm []string) {
	nerdctl = []string{"nerdctl", "--namespace", namespace}
	return nerdctl, []string{"nerdctl", "--namespace", namespace, "wasm"}
}

// TestSaveAndLoad: given artifacts saved into one archive, they can be loaded
// elsewhere with the same names and digests, compressed or from a pipe, and
// nothing of the archive is needed to run them.
func TestSaveAndLoad(t *testing.T) {
	two, files := publishTwo(t), publish(t, "files")
	from, to := unique("save"), unique("load")
	defer removeNamespace(t, from)
	defer removeNamespace(t, to)
	_, wasm := inNamespace(from)
	_, elsewhere := inNamespace(to)
	archive := filepath.Join(t.TempDir(), "both.tar")
	for _, ref := range []string{two, files} {
		must(t, append(wasm, "pull", "-q", ref)...)
	}
	must(t, append(wasm, "save", "-o", archive, two, files)...)
	want := fmt.Sprintf("%s@%s\n%s@%s", two, must(t, "crane", "digest", two), files, must(t, "crane", "digest", files))
	if out := must(t, append(elsewhere, "load", "-i", archive)...); sorted(out) != sorted(want) {
		t.Errorf("load says\n%s\nnot\n%s", out, want)
	}
	exits7(t, append(elsewhere, "run", "--rm", "--pull", "never", "--net", "none", "--entrypoint", "b", two)...)
	must(t, append(elsewhere, "run", "--rm", "--pull", "never", "--net", "none", files)...)

	must(t, "gzip", archive)
	r := command{args: append(elsewhere, "load", "-q"), stdin: open(t, archive+".gz")}.run(t)
	if r.code != 0 || sorted(r.stdout) != sorted(two+"\n"+files) {
		t.Errorf("exit code %d: %s", r.code, r.all())
	}
	fails(t, []string{"2 images", "without a name"}, append(elsewhere, "import", archive+".gz", "one:1")...)
	fails(t, []string{"nowhere", "nerdctl wasm pull"}, append(wasm, "save", "-o", archive, "nowhere:1")...)
	if _, err := os.Stat(archive); err == nil {
		t.Error("a save that failed left a file")
	}
}

// sorted are lines of one word each, in order.
func sorted(lines string) string {
	return strings.Join(slices.Sorted(strings.FieldsSeq(lines)), "\n")
}

// TestImport: given a .wasm file, a layout or an archive and a name, it is in
// containerd under the name.
func TestImport(t *testing.T) {
	dir := write(t, map[string]string{"guest.wasm": string(guest(t, "exit")), "Wasmfile": "FROM scratch\nCOMPONENT guest.wasm\n"})
	layout := filepath.Join(dir, "layout")
	must(t, "nerdctl", "wasm", "build", "-q", "-o", layout, dir)
	namespace := unique("import")
	defer removeNamespace(t, namespace)
	_, wasm := inNamespace(namespace)
	for i, file := range []string{filepath.Join(dir, "guest.wasm"), layout} {
		name := fmt.Sprintf("imported:%d", i)
		must(t, append(wasm, "import", file, name)...)
		exits7(t, append(wasm, "run", "--rm", "--pull", "never", "--net", "none", name)...)
	}
	fails(t, []string{"does not say what the image is called", "import"}, append(wasm, "import", layout)...)
	fails(t, []string{"a .wasm file"}, append(wasm, "import", filepath.Join(dir, "Wasmfile"), "x")...)
}

// TestExport: given the name of a component, its file comes out as it was.
func TestExport(t *testing.T) {
	two, dir := publishTwo(t), t.TempDir()
	must(t, "nerdctl", "wasm", "pull", "-q", two)
	want := sha256.Sum256(guest(t, "exit"))
	for _, component := range []string{"b", "b.wasm", "/b", "b#run", fmt.Sprintf("sha256:%x", want)} {
		if got := sha256.Sum256([]byte(try(t, "nerdctl", "wasm", "export", two, component).stdout)); got != want {
			t.Errorf("%s is another file", component)
		}
	}
	must(t, "nerdctl", "wasm", "export", "-o", dir, two, "b")
	content, err := os.ReadFile(filepath.Join(dir, "b.wasm"))
	if err != nil || sha256.Sum256(content) != want {
		t.Errorf("b.wasm is another file: %v", err)
	}
	fails(t, []string{"a.wasm", "b.wasm"}, "nerdctl", "wasm", "export", two)
	one := probe(t, "component")
	must(t, "nerdctl", "wasm", "pull", "-q", one)
	fails(t, []string{"guest.wasm", `named "other"`}, "nerdctl", "wasm", "export", one, "other")
}

// TestHistoryAndDiff: given two artifacts, history lists their layers and diff
// what is not the same.
func TestHistoryAndDiff(t *testing.T) {
	two := publishTwo(t)
	changed := publishDir(t, "two-changed", write(t, map[string]string{
		"a.wasm":   string(guest(t, "probe.module")),
		"b.wasm":   string(guest(t, "exit")),
		"c.wasm":   string(guest(t, "trap")),
		"Wasmfile": "FROM scratch\nCOPY Wasmfile /\nCOMPONENT a.wasm b.wasm c.wasm\nENTRYPOINT [\"a\"]\n",
	}))
	for _, ref := range []string{two, changed} {
		must(t, "nerdctl", "wasm", "pull", "-q", ref)
	}
	if out := must(t, "nerdctl", "wasm", "history", "--format", "{{.CreatedBy}} {{.SizeBytes}} {{.Comment}}", two); out != fmt.Sprintf("COMPONENT b.wasm %d component, WASI 0.2\nCOMPONENT a.wasm %d component, WASI 0.2", len(guest(t, "exit")), len(guest(t, "probe.component"))) {
		t.Errorf("history shows\n%s", out)
	}
	grown := len(guest(t, "probe.module")) - len(guest(t, "probe.component"))
	out := must(t, "nerdctl", "wasm", "diff", "--all", "--format", "{{.Change}} {{.Name}} {{.Bytes}}", two, changed)
	for _, want := range []string{fmt.Sprintf("changed a.wasm %d", grown), "same b.wasm 0", fmt.Sprintf("added c.wasm %d", len(guest(t, "trap"))), "changed (config)", "added (files)"} {
		if !strings.Contains(out, want) {
			t.Errorf("diff does not show %q:\n%s", want, out)
		}
	}
	if out := must(t, "nerdctl", "wasm", "diff", two, two); strings.Contains(out, "\n") {
		t.Errorf("an artifact is not the same as itself:\n%s", out)
	}
	wit := must(t, "nerdctl", "wasm", "inspect", "--wit", two)
	for _, want := range []string{"world a {", "  export wasi:cli/run@0.2.", "world b {", "  import wasi:cli/exit@0.2.6;", "    exit-with-code: func(status-code: u8);", "    run: func() -> result;"} {
		if !strings.Contains(wit, want) {
			t.Errorf("--wit does not show %q:\n%s", want, wit)
		}
	}
}

// TestConvert: given an artifact in one form, convert makes the others, all of
// which run, with the same component.
func TestConvert(t *testing.T) {
	ref := publishGuest(t, "exit")
	namespace := unique("convert")
	defer removeNamespace(t, namespace)
	_, wasm := inNamespace(namespace)
	must(t, append(wasm, "pull", "-q", ref)...)
	for _, c := range []struct{ from, form, to string }{
		{ref, "oci", "oci:1"}, {"oci:1", "cncf", "cncf:1"}, {"cncf:1", "oci", "oci:2"}, {"oci:2", "image", "image:1"}, {"image:1", "oci", "oci:3"},
	} {
		must(t, append(wasm, "convert", "--form", c.form, c.from, c.to)...)
		exits7(t, append(wasm, "run", "--rm", "--pull", "never", "--net", "none", c.to)...)
	}
	digests := func(name string) string {
		return must(t, append(wasm, "inspect", "--format", "{{.Form}}{{range .Components}} {{.Descriptor.Digest}}{{end}}", name)...)
	}
	want := fmt.Sprintf(" sha256:%x", sha256.Sum256(guest(t, "exit")))
	for name, form := range map[string]string{"oci:1": "oci", "cncf:1": "cncf", "oci:2": "oci", "oci:3": "oci"} {
		if got := digests(name); got != form+want {
			t.Errorf("%s is %s, not %s", name, got, form+want)
		}
	}
	if out := must(t, append(wasm, "images", "-q", "--no-trunc", "oci:1")...); out != must(t, "crane", "digest", ref) {
		t.Errorf("to the same form it is another: %s", out)
	}
	files := publish(t, "files")
	must(t, append(wasm, "pull", "-q", files)...)
	must(t, append(wasm, "convert", "--form", "image", files, "files:image")...)
	if got, want := must(t, append(wasm, "run", "--rm", "--net", "none", "files:image")...), must(t, append(wasm, "run", "--rm", "--net", "none", files)...); got != want {
		t.Errorf("with files it prints %q, not %q", got, want)
	}
	fails(t, []string{"cncf", "/data/poem.txt"}, append(wasm, "convert", "--form", "cncf", files, "files:cncf")...)
	fails(t, []string{"cncf", "image"}, append(wasm, "convert", "--form", "other", ref, "x:1")...)
}

// TestPrune: given artifacts and an ordinary image, prune removes the artifacts
// that no container was made of.
func TestPrune(t *testing.T) {
	used, unused := probe(t, "component"), publishGuest(t, "trap")
	namespace := unique("prune")
	defer removeNamespace(t, namespace)
	nerdctl, wasm := inNamespace(namespace)
	must(t, append(nerdctl, "pull", "-q", busybox())...)
	must(t, append(wasm, "pull", "-q", unused)...)
	must(t, append(wasm, "create", "-q", "--net", "none", used)...)
	if r := (command{args: append(wasm, "prune", "--all"), stdin: strings.NewReader("n\n")}).run(t); r.code != 0 || !strings.Contains(r.stderr, "Remove 1") {
		t.Errorf("exit code %d: %s", r.code, r.all())
	}
	must(t, append(wasm, "prune", "--force")...) // all have tags
	if out := must(t, append(wasm, "images", "--format", "{{.Name}}")...); !strings.Contains(out, unused) {
		t.Errorf("the unused one is gone: %s", out)
	}
	if out := must(t, append(wasm, "prune", "--all", "--force")...); !strings.Contains(out, "Removed: "+unused) || strings.Contains(out, used) || strings.Contains(out, "busybox") {
		t.Errorf("prune says %s", out)
	}
	names := must(t, "ctr", "-n", namespace, "images", "ls", "-q")
	if !strings.Contains(names, used) || !strings.Contains(names, busybox()) || strings.Contains(names, unused) {
		t.Errorf("left are %s", names)
	}
}

// nativeImage is an ordinary image that is in containerd.
func nativeImage(t *testing.T) string {
	t.Helper()
	must(t, "nerdctl", "pull", "-q", busybox())
	return busybox()
}
