package e2e

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/opencontainers/go-digest"
)

// withFiles publishes an artifact of the probe and a file, and starts a
// container of it that does nothing until the end of the test.
func withFiles(t *testing.T, flags ...string) (ref, name string) {
	t.Helper()
	ref = publishDir(t, "with-files", write(t, map[string]string{
		"guest.wasm": string(guest(t, "probe.component")), "note": "from the artifact\n",
		"Wasmfile": "FROM scratch\nCOPY note /etc/note\nCOMPONENT guest.wasm\nENTRYPOINT [\"guest\"]\n",
	}))
	must(t, "nerdctl", "wasm", "pull", "-q", ref) // it may be there as it was before a change
	return ref, sleepingIn(t, ref, flags...)
}

func sleepingIn(t *testing.T, ref string, flags ...string) (name string) {
	t.Helper()
	name = unique("verbs")
	run := append([]string{"nerdctl", "wasm", "run", "-d", "-q", "--net", "none", "--name", name}, flags...)
	must(t, append(run, ref, "sleep", "300")...)
	t.Cleanup(func() { removeGuest(t, "nerdctl", name) })
	return name
}

// TestVerbsOfEither: given a container's name where an artifact's may be, the
// verb is about the container.
func TestVerbsOfEither(t *testing.T) {
	ref, name := withFiles(t)
	for _, format := range [][]string{{"--format", "{{.State.Status}}"}, {"--mode", "dockercompat", "--format", "{{.State.Status}}"}} {
		if out := must(t, append(append([]string{"nerdctl", "wasm", "inspect"}, format...), name)...); out != "running" {
			t.Errorf("inspect shows %q", out)
		}
	}
	if out := must(t, "nerdctl", "wasm", "inspect", name); !strings.Contains(out, `"Name": "`+name+`"`) {
		t.Errorf("inspect shows %s", out)
	}
	volume := unique("volume")
	must(t, "nerdctl", "volume", "create", volume)
	defer try(t, "nerdctl", "volume", "rm", volume)
	mixed := must(t, "nerdctl", "wasm", "inspect", "--format", "{{json .}}", ref, name, volume, "bridge")
	for i, want := range []string{`"RepoTags"`, `"Name":"` + name + `"`, `"Mountpoint"`, `"IPAM"`} {
		if lines := strings.Split(mixed, "\n"); len(lines) != 4 || !strings.Contains(lines[i], want) {
			t.Errorf("line %d has no %s:\n%s", i, want, mixed)
		}
	}
	if out := must(t, "nerdctl", "wasm", "inspect", "--mode", "native", "--format", "{{.Descriptor.Digest}}", ref); out != must(t, "crane", "digest", ref) {
		t.Errorf("the artifact's digest is %q", out)
	}
	if r := try(t, "nerdctl", "wasm", "inspect", "nothing", name); r.code == 0 || !strings.Contains(r.stdout, name) || !strings.Contains(r.stderr, "nothing") {
		t.Errorf("exit code %d: %s", r.code, r.all())
	}
	fails(t, []string{name}, "nerdctl", "wasm", "inspect", "--type", "image", name)
	fails(t, []string{"no such"}, "nerdctl", "wasm", "inspect", "--type", "container", ref)
	fails(t, []string{name, "is a container"}, "nerdctl", "wasm", "inspect", "--wit", name)
	if out := must(t, "nerdctl", "wasm", "container", "inspect", "--format", "{{.Name}}", name); out != name {
		t.Errorf("container inspect shows %q", out)
	}
	if out := must(t, "nerdctl", "wasm", "image", "inspect", ref); !strings.Contains(out, "LAYER") {
		t.Errorf("image inspect shows %s", out)
	}
	if out := must(t, "nerdctl", "wasm", "inspect", ref); !strings.Contains(out, "LAYER") {
		t.Errorf("inspect of the artifact shows %s", out)
	}
	must(t, "nerdctl", "wasm", "exec", name, "guest", "write", "/etc/new", "x")
	if out := must(t, "nerdctl", "wasm", "diff", name); !strings.Contains(out, "A /etc/new") {
		t.Errorf("diff shows %q", out)
	}
	archive := tar.NewReader(strings.NewReader(must(t, "nerdctl", "wasm", "export", name) + "\n"))
	files := make(map[string]string)
	for {
		header, err := archive.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(archive)
		if err != nil {
			t.Fatal(err)
		}
		files[strings.TrimPrefix(header.Name, "/")] = string(content)
	}
	if files["etc/note"] != "from the artifact\n" || files["etc/new"] == "" {
		t.Errorf("the files are %q", files)
	}
	fails(t, []string{"in the background", "logs -f"}, "nerdctl", "wasm", "attach", name)
	nothing := unique("nothing")
	fails(t, []string{"no artifact, container, volume or network " + nothing, "pull"}, "nerdctl", "wasm", "inspect", nothing)
	fails(t, []string{nothing, "pull"}, "nerdctl", "wasm", "export", nothing)
	fails(t, []string{nothing, "no container"}, "nerdctl", "wasm", "diff", nothing)
}

// TestCopy: given a container that runs or has stopped, and an artifact, cp
// copies a file of it; and what there is none of, it says.
func TestCopy(t *testing.T) {
	ref, name := withFiles(t)
	dir := write(t, map[string]string{"in": "from outside\n"})
	copied := func(from string) string {
		t.Helper()
		to := filepath.Join(t.TempDir(), "copied")
		must(t, "nerdctl", "wasm", "cp", from, to)
		return readFile(t, to)
	}
	for _, state := range []string{"running", "stopped"} {
		if got := copied(name + ":/etc/note"); got != "from the artifact\n" {
			t.Errorf("%s: the note is %q", state, got)
		}
		must(t, "nerdctl", "wasm", "cp", filepath.Join(dir, "in"), name+":/etc/"+state)
		if state == "running" {
			if out := must(t, "nerdctl", "wasm", "exec", name, "guest", "read", "/etc/running"); out != "from outside" {
				t.Errorf("the guest reads %q", out)
			}
			must(t, "nerdctl", "wasm", "stop", name)
		}
		if got := copied(name + ":/etc/" + state); got != "from outside\n" {
			t.Errorf("%s: what was copied is %q", state, got)
		}
	}
	component := string(guest(t, "probe.component"))
	for _, from := range []string{ref, ref + ":guest", ref + ":guest.wasm", ref + ":/guest.wasm", ref + ":guest#run", ref + ":" + digest.FromString(component).String()} {
		if got := copied(from); got != component {
			t.Errorf("%s has %d bytes, not %d", from, len(got), len(component))
		}
	}
	if got := copied(ref + ":/etc/note"); got != "from the artifact\n" {
		t.Errorf("the artifact's note is %q", got)
	}
	must(t, "nerdctl", "wasm", "cp", ref+":/etc/note", dir)
	if content, err := os.ReadFile(filepath.Join(dir, "note")); err != nil || string(content) != "from the artifact\n" {
		t.Errorf("in the directory it is %q, %v", content, err)
	}
	to := filepath.Join(dir, "to")
	fails(t, []string{"/etc/nothing"}, "nerdctl", "wasm", "cp", ref+":/etc/nothing", to)
	fails(t, []string{`named "other"`}, "nerdctl", "wasm", "cp", ref+":other", to)
	fails(t, []string{"no container and no artifact"}, "nerdctl", "wasm", "cp", unique("nothing")+":x", to)
	fails(t, []string{"CONTAINER:PATH"}, "nerdctl", "wasm", "cp", unique("nothing"), to)
	fails(t, []string{"no container nothing"}, "nerdctl", "wasm", "cp", dir, "nothing:/x")
	fails(t, []string{"from one container to another"}, "nerdctl", "wasm", "cp", name+":/etc", name+":/x")
}

// TestCopyAtOnce: given clients that have the same number, each in a PID namespace of its
// own, as those in containers have, all copy files of the same artifact at once.
func TestCopyAtOnce(t *testing.T) {
	ref := publish(t, "files")
	must(t, "nerdctl", "wasm", "pull", "-q", ref)
	defer try(t, "nerdctl", "rmi", "-f", ref)
	dir := t.TempDir()
	var copying sync.WaitGroup
	for i := range 8 {
		copying.Go(func() {
			to := filepath.Join(dir, strconv.Itoa(i))
			if r := try(t, "unshare", "--pid", "--fork", "nerdctl", "wasm", "cp", ref+":/data/poem.txt", to); r.code != 0 {
				t.Errorf("it ends with %d: %s", r.code, r.all())
			}
		})
	}
	copying.Wait()
}

// TestCopyDirectories: given a directory, a pattern or an archive, of an artifact, a
// running guest or one that has stopped, what is copied is as `docker cp` has it; and
// with links that a guest has set out, it is still the guest's files.
func TestCopyDirectories(t *testing.T) {
	secret := write(t, map[string]string{"secret": "of the host\n"})
	links := new(bytes.Buffer)
	archive := tar.NewWriter(links)
	for link, to := range map[string]string{"etc/secret": filepath.Join(secret, "secret"), "host": secret, "conf": "/etc"} {
		if err := archive.WriteHeader(&tar.Header{Typeflag: tar.TypeSymlink, Name: link, Linkname: to}); err != nil {
			t.Fatal(err)
		}
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	ref := publishDir(t, "with-links", write(t, map[string]string{
		"a.wasm": string(guest(t, "probe.component")), "b.wasm": string(guest(t, "add")), "note": "a note\n", "word": "a word\n", "links.tar": links.String(),
		"Wasmfile": "FROM scratch\nCOPY note word /etc/\nCOPY word /etc/more/\nADD links.tar /\nCOMPONENT a.wasm b.wasm\nENTRYPOINT [\"a\"]\n",
	}))
	must(t, "nerdctl", "wasm", "pull", "-q", ref)
	name := sleepingIn(t, ref)
	isEtc := func(dir string) {
		t.Helper()
		for file, want := range map[string]string{"note": "a note\n", "word": "a word\n", "more/word": "a word\n"} {
			if content, err := os.ReadFile(filepath.Join(dir, file)); err != nil || string(content) != want {
				t.Errorf("%s is %q, %v", file, content, err)
			}
		}
		if info, err := os.Lstat(filepath.Join(dir, "secret")); err != nil || info.Mode().Type() != os.ModeSymlink {
			t.Errorf("the link is %v, %v", info, err)
		}
	}
	cp := func(args ...string) { t.Helper(); must(t, append([]string{"nerdctl", "wasm", "cp"}, args...)...) }
	for _, of := range []string{ref, name, "stopped"} {
		if of == "stopped" {
			must(t, "nerdctl", "stop", name)
			of = name
		}
		dir := t.TempDir()
		cp(of+":/etc", dir)
		isEtc(filepath.Join(dir, "etc"))
		cp(of+":/etc/.", filepath.Join(dir, "new"))
		isEtc(filepath.Join(dir, "new"))
		cp("-L", of+":/conf", filepath.Join(dir, "followed"))
		isEtc(filepath.Join(dir, "followed"))
		if err := os.Mkdir(filepath.Join(dir, "untarred"), 0o755); err != nil {
			t.Fatal(err)
		}
		must(t, "sh", "-c", `nerdctl wasm cp "$0:/etc" - | tar x -C "$1"`, of, filepath.Join(dir, "untarred"))
		isEtc(filepath.Join(dir, "untarred", "etc"))
		if of == ref {
			continue
		}
		cp(filepath.Join(dir, "etc"), name+":/copied")
		must(t, "sh", "-c", `tar c -C "$0" . | nerdctl wasm cp - "$1:/etc"`, filepath.Join(dir, "etc"), name)
		cp(name+":/copied/.", filepath.Join(dir, "back"))
		isEtc(filepath.Join(dir, "back"))
		// Where the link leads to is not there in the guest.
		fails(t, []string{"no directory"}, "nerdctl", "wasm", "cp", filepath.Join(dir, "etc", "note"), name+":/host/pwned")
		fails(t, []string{"no file"}, "nerdctl", "wasm", "cp", "-L", name+":/etc/secret", dir)
	}
	if left, err := os.ReadDir(secret); err != nil || len(left) != 1 {
		t.Errorf("on the host there are %v, %v", left, err)
	}
	dir := t.TempDir()
	cp(ref+":*.wasm", dir)
	cp(ref+":/etc/*or*", dir)
	var names []string
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	if got := strings.Join(names, " "); got != "a.wasm b.wasm more word" {
		t.Errorf("by patterns there are %s", got)
	}
	if out := must(t, "sh", "-c", `nerdctl wasm cp "$0:*" - | tar t`, ref); out != "a.wasm\nb.wasm" {
		t.Errorf("the archive has %q", out)
	}
	fails(t, []string{"no component *.txt", "a.wasm, b.wasm"}, "nerdctl", "wasm", "cp", ref+":*.txt", dir)
	fails(t, []string{"not a directory"}, "nerdctl", "wasm", "cp", ref+":*.wasm", filepath.Join(dir, "a.wasm"))
}

// TestCopyVolumes: given a volume in a guest, files are copied from and to it also when
// the guest has stopped; not to one that is read-only.
func TestCopyVolumes(t *testing.T) {
	volume, readOnly := write(t, map[string]string{"sub/in": "of the volume\n"}), write(t, map[string]string{"in": "x"})
	ref, name := withFiles(t, "-v", volume+":/data", "-v", readOnly+":/data/ro:ro")
	file := filepath.Join(write(t, map[string]string{"new": "new\n"}), "new")
	for _, state := range []string{"running", "stopped"} {
		to := filepath.Join(t.TempDir(), "to")
		must(t, "nerdctl", "wasm", "cp", name+":/data/sub/.", to)
		if content, err := os.ReadFile(filepath.Join(to, "in")); err != nil || string(content) != "of the volume\n" {
			t.Errorf("%s: it is %q, %v", state, content, err)
		}
		must(t, "nerdctl", "wasm", "cp", file, name+":/data/"+state)
		if content, err := os.ReadFile(filepath.Join(volume, state)); err != nil || string(content) != "new\n" {
			t.Errorf("%s: in the volume it is %q, %v", state, content, err)
		}
		fails(t, []string{"read-only"}, "nerdctl", "wasm", "cp", file, name+":/data/ro/new")
		if state == "running" {
			must(t, "nerdctl", "wasm", "stop", name)
		}
	}
	if out := must(t, "nerdctl", "wasm", "inspect", "--type", "image", "--format", "{{.Form}}", ref); out != "oci" {
		t.Errorf("the artifact is %q", out)
	}
}

// TestRename: given a container, it has another name, under which it can be
// found and removed, and the old one is free.
func TestRename(t *testing.T) {
	ref, name := probe(t, "component"), unique("old")
	must(t, "nerdctl", "wasm", "create", "-q", "--net", "none", "--name", name, ref)
	must(t, "nerdctl", "wasm", "rename", name, name+"-new")
	must(t, "nerdctl", "wasm", "create", "-q", "--net", "none", "--name", name, ref)
	fails(t, []string{`name-store error: name "` + name + "-new\" is already used"}, "nerdctl", "wasm", "rename", name, name+"-new")
	for _, each := range []string{name, name + "-new"} {
		must(t, "nerdctl", "wasm", "rm", each)
	}
	fails(t, []string{"no such container"}, "nerdctl", "wasm", "rename", name, "x")
}

// TestHealthcheck: given a health check, it runs in the container when it is
// told to, and inspect shows what came of it.
func TestHealthcheck(t *testing.T) {
	ref, name := withFiles(t, "--health-cmd", "guest read '/etc/new'", "--health-retries", "1")
	status := func(want string) {
		t.Helper()
		must(t, "nerdctl", "wasm", "healthcheck", name)
		labels := must(t, "nerdctl", "inspect", "--mode", "native", "--format", "{{json .Labels}}", name)
		if !strings.Contains(labels, `\"Status\":\"`+want+`\"`) {
			t.Errorf("it is not %s: %s", want, labels)
		}
	}
	status("unhealthy")
	must(t, "nerdctl", "wasm", "exec", name, "guest", "write", "/etc/new", "x")
	status("healthy")
	if out := must(t, "nerdctl", "wasm", "inspect", "--format", "{{.State.Health.Status}}", name); out != "healthy" {
		t.Errorf("inspect shows %q", out)
	}
	if out := must(t, "nerdctl", "wasm", "ps", "--filter", "name="+name, "--format", "{{.Status}}"); !strings.Contains(out, "(healthy)") {
		t.Errorf("ps shows %q", out)
	}
	without := sleepingIn(t, ref)
	fails(t, []string{"no health check"}, "nerdctl", "wasm", "healthcheck", without)
	fails(t, []string{`"curl" is none of the components`, "guest.wasm"}, wasmRun("--net", "none", "--health-cmd", "curl x", ref)...)
	must(t, "nerdctl", "wasm", "stop", name)
	fails(t, []string{name, "not running"}, "nerdctl", "wasm", "healthcheck", name)
}

// TestHealthcheckOfArtifact: given a HEALTHCHECK of an artifact, it is that of its
// containers, which flags change and turn off; and where another client made the
// container, a check that a shell was to run is run without one.
func TestHealthcheckOfArtifact(t *testing.T) {
	ref := publishDir(t, "with-check", write(t, map[string]string{
		"guest.wasm": string(guest(t, "probe.component")), "note": "x",
		"Wasmfile": "FROM scratch\nCOPY note /etc/note\nCOMPONENT guest.wasm\nENTRYPOINT [\"guest\"]\n" +
			"HEALTHCHECK --interval=7s --retries=1 CMD [\"guest\", \"read\", \"/etc/new\"]\n",
	}))
	must(t, "nerdctl", "wasm", "pull", "-q", ref)
	check := func(name string) string {
		t.Helper()
		must(t, "nerdctl", "wasm", "healthcheck", name)
		return must(t, "nerdctl", "wasm", "inspect", "--format", "{{.State.Health.Status}} {{.Config.Healthcheck.Interval}} {{.Config.Healthcheck.Retries}}", name)
	}
	name := sleepingIn(t, ref)
	if out := check(name); out != "unhealthy 7s 1" {
		t.Errorf("it is %q", out)
	}
	if out := check(sleepingIn(t, ref, "--health-cmd", "guest read /etc/note || exit 1", "--health-interval", "9s")); out != "healthy 9s 1" {
		t.Errorf("with flags it is %q", out)
	}
	fails(t, []string{"no health check"}, "nerdctl", "wasm", "healthcheck", sleepingIn(t, ref, "--no-healthcheck"))
	other := unique("other")
	must(t, "nerdctl", "run", "-d", "-q", "--pull", "never", "--runtime", runtimeName, "--net", "none", "--name", other,
		"--platform", platform(ref), "--health-cmd", "guest read '/etc/note'", ref, "sleep", "300")
	defer removeGuest(t, "nerdctl", other)
	if out := check(other); out != "healthy 7s 1" {
		t.Errorf("of another client it is %q", out)
	}
}

// TestLabelsOfNerdctl: given labels of an image that nerdctl would take for its own,
// as those that name a file or a volume of the host, they do nothing.
func TestLabelsOfNerdctl(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pid")
	ref := publishDir(t, "with-labels", write(t, map[string]string{
		"guest.wasm": string(guest(t, "probe.component")),
		"Wasmfile": "FROM scratch\nCOMPONENT guest.wasm\nENTRYPOINT [\"guest\"]\nLABEL who=me\n" +
			"LABEL nerdctl/pid-file=" + file + " x.nerdctl/y=z\n",
	}))
	must(t, "nerdctl", "wasm", "pull", "-q", ref) // it may be there with another file
	name := unique("labels")
	must(t, "nerdctl", "wasm", "run", "-d", "-q", "--name", name, ref, "sleep", "300")
	defer removeGuest(t, "nerdctl", name)
	if content, err := os.ReadFile(file); err == nil {
		t.Errorf("the host has a file with %q", content)
	}
	if out := must(t, "nerdctl", "inspect", "--mode", "native", "--format", "{{.Labels.who}} {{json .Labels}}", name); !strings.HasPrefix(out, "me ") || strings.Contains(out, "pid-file") || strings.Contains(out, "x.nerdctl") {
		t.Errorf("the labels are %s", out)
	}
}

// TestMissingWorkdir: given a working directory that is not there, it is made,
// in the container's files or in a volume, and nowhere else.
func TestMissingWorkdir(t *testing.T) {
	ref := probe(t, "component")
	volume := t.TempDir()
	for _, dir := range []string{"/no/such", "no/such", "/v/no/such"} {
		want := "/" + strings.TrimPrefix(dir, "/")
		if out := must(t, wasmRun("--net", "none", "-v", volume+":/v", "-w", dir, ref, "pwd")...); out != want {
			t.Errorf("%s: the guest is in %q", dir, out)
		}
	}
	if _, err := os.Stat(filepath.Join(volume, "no", "such")); err != nil {
		t.Error(err)
	}
	if out := must(t, wasmRun("--net", "none", "--read-only", "-w", "/kept", ref, "pwd")...); out != "/kept" {
		t.Errorf("with read-only files, the guest is in %q", out)
	}
	before := must(t, "nerdctl", "ps", "-aq")
	file := write(t, map[string]string{"file": ""})
	fails(t, []string{"working directory /f/file/x"}, wasmRun("--net", "none", "-v", file+":/f", "-w", "/f/file/x", ref, "pwd")...)
	if after := must(t, "nerdctl", "ps", "-aq"); after != before {
		t.Errorf("the container is left: %s", after)
	}
	ctr := func(dir string, args ...string) []string {
		return append([]string{"ctr", "run", "--rm", "--runtime", runtimeName, "--cwd", dir, "--mount", "type=bind,src=" + volume + ",dst=/v,options=rbind:rw", ref, unique("workdir"), "guest"}, args...)
	}
	if out := must(t, ctr("/data/deep", "walk", "/data")...); out != "/data\n/data/deep" {
		t.Errorf("there is %q", out)
	}
	must(t, ctr("/v/by/ctr", "write", "file")...)
	if _, err := os.Stat(filepath.Join(volume, "by", "ctr", "file")); err != nil {
		t.Error(err)
	}
	if info, err := os.Stat(filepath.Join(volume, "by")); err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("%v, %v", info, err)
	}
}

// TestEngineConfigFlag: given a configuration of the engine by its name, run
// uses the administrator's of that name, and starts nothing when there is none.
func TestEngineConfigFlag(t *testing.T) {
	ref := publishGuest(t, "pages")
	must(t, "nerdctl", "wasm", "pull", "-q", ref)
	run := wasmRun("--net", "none", "--engine-config", "pages", ref)
	fails(t, []string{"engine-config", "there is none"}, run...)
	configureShim(t, "[engine-config.pages.wasm]\ncustom-page-sizes = true\n")
	must(t, run...)
	fails(t, []string{"engine-config", "pages"}, wasmRun("--net", "none", "--engine-config", "other", ref)...)
	fails(t, []string{"page sizes"}, wasmRun("--net", "none", ref)...)
}

// TestConvertImages: given an image with the component in its files, it becomes
// every other form and again an image, with the same component; but not the form
// that holds one component only when it has other files.
func TestConvertImages(t *testing.T) {
	namespace := unique("convert")
	defer removeNamespace(t, namespace)
	_, wasm := inNamespace(namespace)
	loaded := func(name, copies string) {
		t.Helper()
		dir := write(t, map[string]string{
			"guest.wasm": string(guest(t, "exit")), "note": "x",
			"Wasmfile": "FROM scratch\n" + copies + "COPY guest.wasm /bin/guest.wasm\nENTRYPOINT [\"/bin/guest.wasm\"]\n",
		})
		archive := filepath.Join(dir, "image.tar")
		must(t, "buildctl", "build", "--frontend", "dockerfile.v0", "--local", "context="+dir, "--local", "dockerfile="+dir,
			"--opt", "filename=Wasmfile", "--opt", "platform=wasi/wasm", "--output", "type=docker,name="+name+",dest="+archive)
		must(t, append(wasm, "load", "-i", archive)...)
	}
	loaded("plain:1", "")
	want := fmt.Sprintf("sha256:%x", sha256.Sum256(guest(t, "exit")))
	for _, c := range []struct{ from, form, to string }{
		{"plain:1", "oci", "oci:1"},
		{"plain:1", "cncf", "cncf:1"},
		{"plain:1", "image", "image:1"},
		{"oci:1", "cncf", "cncf:2"},
		{"oci:1", "image", "image:2"},
		{"oci:1", "oci", "oci:2"},
		{"cncf:1", "image", "image:3"},
		{"cncf:1", "oci", "oci:3"},
		{"cncf:1", "cncf", "cncf:3"},
		{"image:3", "cncf", "cncf:4"},
		{"image:2", "oci", "oci:4"},
		{"image:1", "image", "image:4"},
	} {
		must(t, append(wasm, "convert", "--form", c.form, c.from, c.to)...)
		exits7(t, append(wasm, "run", "--rm", "--pull", "never", "--net", "none", c.to)...)
		if c.form == "image" {
			continue
		}
		if got := must(t, append(wasm, "inspect", "--format", "{{.Form}}{{range .Components}} {{.Descriptor.Digest}}{{end}}", c.to)...); got != c.form+" "+want {
			t.Errorf("%s of %s is %s", c.to, c.from, got)
		}
	}
	if a, b := must(t, append(wasm, "images", "-q", "--no-trunc", "cncf:1")...), must(t, append(wasm, "images", "-q", "--no-trunc", "cncf:3")...); a != b {
		t.Errorf("to the same form it is %s, not %s", b, a)
	}
	loaded("files:1", "COPY note /etc/note\n")
	fails(t, []string{"cncf", "/etc/note"}, append(wasm, "convert", "--form", "cncf", "files:1", "files:2")...)
}
