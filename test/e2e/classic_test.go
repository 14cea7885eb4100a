package e2e

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
)

// classicFiles are the files of a build whose image has a guest among its files, and
// layers that no other image has.
func classicFiles(t *testing.T, name string) string {
	t.Helper()
	return write(t, map[string]string{
		"guest.wasm": string(guest(t, name)), "add.wasm": string(guest(t, "add")), "note": unique("note"),
		"Dockerfile": "FROM scratch\nCOPY note /etc/note\nCOPY add.wasm /lib/\nCOPY guest.wasm /bin/guest.wasm\n" +
			"ENV COLOUR=blue\nEXPOSE 8081\nENTRYPOINT [\"/bin/guest.wasm\"]\n",
	})
}

// buildClassic has BuildKit's own frontend build a directory, for a platform, and
// exports the result.
func buildClassic(t *testing.T, dir, platform, output string) {
	t.Helper()
	must(t, "buildctl", "build", "--frontend", "dockerfile.v0", "--local", "context="+dir, "--local", "dockerfile="+dir,
		"--opt", "platform="+platform, "--output", output)
}

// pushClassic publishes an image with a guest among its files, and returns its
// reference.
func pushClassic(t *testing.T, name, platform string, options ...string) string {
	t.Helper()
	ref := registry() + "/e2e/" + unique("classic") + ":latest"
	buildClassic(t, classicFiles(t, name), platform, strings.Join(append([]string{"type=image,push=true,name=" + ref}, options...), ","))
	return ref
}

// TestClassicImageIsPulled: given an image for Wasm whose component is a file,
// whatever the media types of its documents and its layers' compression, it is
// pulled, verified, unpacked and run.
func TestClassicImageIsPulled(t *testing.T) {
	namespace := unique("classic") // where the guest is compiled once
	defer removeNamespace(t, namespace)
	_, wasm := inNamespace(namespace)
	for mediaTypes, option := range map[string]string{"OCI": "oci-mediatypes=true", "Docker": "oci-mediatypes=false"} {
		for _, compression := range []string{"gzip", "zstd", "uncompressed"} {
			t.Run(mediaTypes+", "+compression, func(t *testing.T) {
				ref := pushClassic(t, "probe.module", "wasi/wasm", option, "compression="+compression, "force-compression=true")
				want := must(t, "crane", "digest", ref)
				if manifest := must(t, "crane", "manifest", ref); compression != "uncompressed" && !strings.Contains(manifest, compression) || strings.Contains(manifest, "vnd.docker") != (mediaTypes == "Docker") {
					t.Fatalf("it was built as %s", manifest)
				}
				if out := must(t, append(wasm, "pull", ref)...); out != ref+"@"+want {
					t.Errorf("pulled is %s", out)
				}
				run := append(wasm, "run", "--rm", "--pull", "never", "--net", "none", ref)
				if out := must(t, append(run, "env", "COLOUR")...); out != "blue" {
					t.Errorf("COLOUR is %q", out)
				}
				if out := must(t, append(run, "read", "/etc/note")...); !strings.HasPrefix(out, "note-") {
					t.Errorf("the note is %q", out)
				}
			})
		}
	}
}

// TestClassicImageInAnIndex: given an index with images for Wasm beside native
// ones, --platform picks one, without it the best one is taken, and two that are
// as good are an error that lists them.
func TestClassicImageInAnIndex(t *testing.T) {
	dir := write(t, map[string]string{
		"guest.wasm": string(guest(t, "probe.module")),
		"Dockerfile": "FROM scratch\nARG TARGETPLATFORM\nENV PLATFORM=$TARGETPLATFORM\nCOPY guest.wasm /\nENTRYPOINT [\"/guest.wasm\"]\n",
	})
	ref := registry() + "/e2e/" + unique("classic") + ":latest"
	buildClassic(t, dir, "linux/amd64,wasi/wasm,wasip1/wasm", "type=image,push=true,name="+ref)
	for flag, want := range map[string]string{"": "wasip1/wasm", "wasi/wasm": "wasi/wasm", "wasip1/wasm": "wasip1/wasm"} {
		namespace := unique("classic")
		defer removeNamespace(t, namespace)
		_, wasm := inNamespace(namespace)
		run := append(wasm, "run", "--rm", "-q", "--net", "none")
		if flag != "" {
			run = append(run, "--platform", flag)
		}
		if out := must(t, append(run, ref, "env", "PLATFORM")...); out != want {
			t.Errorf("--platform %q runs the one for %s", flag, out)
		}
		if out := must(t, append(wasm, "images", "--format", "{{.Platform}} {{.Digest}}")...); out != want+" "+must(t, "crane", "digest", ref) {
			t.Errorf("listed is %s", out)
		}
	}
	fails(t, []string{"linux/amd64", "wasi/wasm"}, "nerdctl", "wasm", "pull", "--platform", "wasip2/wasm", ref)

	// One after the other in one namespace, none of them takes the place of another.
	namespace := unique("classic")
	defer removeNamespace(t, namespace)
	nerdctl, wasm := inNamespace(namespace)
	must(t, append(nerdctl, "pull", "-q", "--platform", "linux/amd64", ref)...)
	for _, platform := range []string{"wasip1/wasm", "wasi/wasm"} {
		must(t, append(wasm, "pull", "-q", "--platform", platform, ref)...)
	}
	collectGarbage(t, namespace)
	must(t, "ctr", "-n", namespace, "content", "get", must(t, "crane", "digest", "--platform", "linux/amd64", ref))
	for _, platform := range []string{"wasip1/wasm", "wasi/wasm"} {
		if out := must(t, append(wasm, "run", "--rm", "--pull", "never", "--net", "none", "--platform", platform, ref, "env", "PLATFORM")...); out != platform {
			t.Errorf("the one for %s says that it is for %s", platform, out)
		}
	}

	other := pushClassic(t, "probe.module", "wasi/wasm")
	both := registry() + "/e2e/" + unique("classic") + ":latest"
	must(t, "regctl", "index", "create", "--ref", ref, "--ref", other, "--platform", "wasi/wasm", both)
	fails(t, []string{"several", strings.SplitN(must(t, "crane", "digest", other), ":", 2)[1], "--platform"}, "nerdctl", "wasm", "pull", both)
}

// tarOf is a tar file of a directory's content.
func tarOf(t *testing.T, dir string) []byte {
	t.Helper()
	out, err := exec.Command("tar", "-C", dir, "-c", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// image makes the manifest of an image for Wasm with one layer, of which the
// config says that it has this digest.
func (h *hostile) image(t *testing.T, layer []byte, diffID digest.Digest) descriptor {
	t.Helper()
	desc := h.add("application/vnd.oci.image.layer.v1.tar", "", layer)
	config := h.add(configType, "", []byte(`{"architecture":"wasm","os":"wasi","config":{"Entrypoint":["/guest.wasm"]},"rootfs":{"type":"layers","diff_ids":["`+diffID.String()+`"]}}`))
	manifest, err := json.Marshal(map[string]any{"schemaVersion": 2, "mediaType": manifestType, "config": config, "layers": []descriptor{desc}})
	if err != nil {
		t.Fatal(err)
	}
	h.manifest = manifest
	return desc
}

// TestClassicImageOfAHostileRegistry: given a layer that is not what the manifest
// or the config says, nothing is left of the image.
func TestClassicImageOfAHostileRegistry(t *testing.T) {
	layer := tarOf(t, write(t, map[string]string{"guest.wasm": string(guest(t, "probe.module"))}))
	spoilt := append([]byte("x"), layer[1:]...)
	for name, c := range map[string]struct {
		content []byte
		diffID  digest.Digest
	}{
		"a wrong digest":  {spoilt, digest.FromBytes(layer)},
		"a wrong diff ID": {layer, digest.FromBytes(spoilt)},
	} {
		t.Run(name, func(t *testing.T) {
			h := &hostile{blobs: map[string][]byte{}}
			h.blobs[h.image(t, layer, c.diffID).Digest] = c.content
			ref := serveArtifact(t, h)
			namespace := unique("hostile")
			defer removeNamespace(t, namespace)
			_, wasm := inNamespace(namespace)
			fails(t, []string{"sha256:"}, append(wasm, "pull", ref)...)
			nothingLeft(t, namespace)
		})
	}
}

// TestClassicImageIsAnImage: given an image whose component is a file, every verb
// treats it as one: nothing of it is lost or changed on the way.
func TestClassicImageIsAnImage(t *testing.T) {
	from, to := unique("classic"), unique("classic")
	defer removeNamespace(t, from)
	defer removeNamespace(t, to)
	nerdctl, wasm := inNamespace(from)
	_, elsewhere := inNamespace(to)
	ref := pushClassic(t, "sleep", "wasip1/wasm")
	want := must(t, "crane", "digest", ref)
	must(t, append(wasm, "pull", "-q", ref)...)
	if out := must(t, append(wasm, "images", "--format", "{{.Name}} {{.Components}} {{.WASI}}")...); out != ref+" [/bin/guest.wasm] 0.1" {
		t.Errorf("listed is %s", out)
	}
	if out := must(t, append(wasm, "inspect", "--format", "{{.Form}} {{.Descriptor.Digest}}", ref)...); out != "image "+want {
		t.Errorf("inspected is %s", out)
	}
	if out := must(t, append(wasm, "inspect", ref)...); !strings.Contains(out, "/bin/guest.wasm") || !strings.Contains(out, "wasip1/wasm") {
		t.Errorf("inspect says %s", out)
	}
	if out := must(t, append(wasm, "history", "--format", "{{.CreatedBy}}", ref)...); out != "files\nfiles\nfiles" {
		t.Errorf("its history is %q", out)
	}
	copied := registry() + "/e2e/" + unique("classic") + ":copy"
	if out := must(t, append(wasm, "push", "-q", ref, copied)...); out != copied+"@"+want || must(t, "crane", "digest", copied) != want {
		t.Errorf("pushed is %s, not %s", out, want)
	}
	archive := filepath.Join(t.TempDir(), "saved.tar")
	must(t, append(wasm, "save", "-o", archive, ref)...)
	if out := must(t, append(elsewhere, "load", "-i", archive)...); out != ref+"@"+want {
		t.Errorf("loaded is %s", out)
	}
	must(t, append(elsewhere, "run", "--rm", "--pull", "never", "--net", "none", ref, "0")...)
	must(t, append(wasm, "convert", "--form", "oci", ref, "made:1")...)
	if out := must(t, append(wasm, "inspect", "--format", "{{.Form}} {{(index .Components 0).Name}}", "made:1")...); out != "oci guest.wasm" {
		t.Errorf("converted is %s", out)
	}
	must(t, append(nerdctl, "rmi", ref, "made:1")...)
	collectGarbage(t, from)
	if out := must(t, "ctr", "-n", from, "content", "ls", "-q"); out != "" {
		t.Errorf("left are %s", out)
	}
}

// TestClassicImageLives: given a container of such an image, it starts again after
// the image's name was removed or is another's, and ps shows it.
func TestClassicImageLives(t *testing.T) {
	namespace := unique("classic")
	defer removeNamespace(t, namespace)
	nerdctl, wasm := inNamespace(namespace)
	dir := t.TempDir()
	archive := filepath.Join(dir, "image.tar")
	buildClassic(t, classicFiles(t, "sleep"), "wasi/wasm", "type=docker,name=classic:1,dest="+archive)
	must(t, append(wasm, "load", "-i", archive)...)
	name := unique("classic")
	must(t, append(wasm, "run", "-d", "--net", "none", "--name", name, "classic:1", "sleep", "300")...)
	if out := must(t, append(wasm, "ps", "--format", "{{.Names}} {{.Component}}")...); out != name+" /bin/guest.wasm" {
		t.Errorf("listed is %s", out)
	}
	must(t, append(nerdctl, "stop", name)...)
	must(t, append(nerdctl, "rmi", "-f", "classic:1")...)
	must(t, append(wasm, "import", filepath.Join(write(t, map[string]string{"exit.wasm": string(guest(t, "exit"))}), "exit.wasm"), "classic:1")...)
	collectGarbage(t, namespace)
	must(t, append(nerdctl, "start", name)...)
	var info []struct{ State struct{ Status string } }
	if err := json.Unmarshal([]byte(must(t, append(nerdctl, "inspect", name)...)), &info); err != nil || info[0].State.Status != "running" {
		t.Errorf("started again it is %v, %v", info, err)
	}
	fails(t, []string{"linux/amd64", "ordinary image", "nerdctl run"}, "nerdctl", "wasm", "run", "--rm", "--pull", "never", nativeImage(t))
}

// TestClientsFindFiles: given such an image, every client starts the file, and
// another one that is named; an export; a served one; and says when there is
// none.
func TestClientsFindFiles(t *testing.T) {
	ref := pushClassic(t, "probe.module", "wasip1/wasm")
	for _, client := range clients {
		t.Run(client.name, func(t *testing.T) {
			client.pull(t, ref)
			for range 2 { // the second finds the code of the first
				r := try(t, runFile(client, ref, "/bin/guest.wasm", "env", "COLOUR")...)
				if r.stdout != "blue\n" || r.code != 0 {
					t.Errorf("exit code %d: %s", r.code, r.all())
				}
			}
			if out := must(t, runFile(client, ref, "/lib/add.wasm#add", "40", "2")...); out != "42" {
				t.Errorf("40 + 2 is %q", out)
			}
			if r := try(t, runFile(client, ref, "/bin/guest.wasm", "walk", "/")...); r.code != 0 || strings.Contains(r.stdout, "engine") || strings.Contains(r.stdout, "/proc/") || !strings.Contains(r.stdout, "/etc/note") {
				t.Errorf("exit code %d, it sees %s", r.code, r.all())
			}
			for _, none := range []string{"/bin/nothing.wasm", "/etc/note"} {
				fails(t, []string{"wasip1/wasm", none, "entrypoint"}, runFile(client, ref, none)...)
			}
		})
	}
}

// runFile is the command line that starts a file of an image.
func runFile(c client, ref, file string, args ...string) []string {
	if c.name == "ctr" {
		return append([]string{"ctr", "run", "--rm", "--runtime", runtimeName, ref, unique("ctr"), file}, args...)
	}
	return c.run(ref, []string{"--entrypoint", file, "--network", "none"}, args...)
}

// TestFilesAreComponents: given an image whose components are files, verbs about
// components take these by their paths, or by their names where that is enough, and
// precompile makes the code that the first container uses.
func TestFilesAreComponents(t *testing.T) {
	namespace := unique("classic")
	defer removeNamespace(t, namespace)
	_, wasm := inNamespace(namespace)
	ref := pushClassic(t, "exit", "wasip2/wasm")
	must(t, append(wasm, "pull", "-q", ref)...)
	if out := must(t, append(wasm, "inspect", "--format", "{{range .Components}}{{.Name}} {{.Kind}} {{.Descriptor.Digest}} {{end}}", ref)...); out !=
		fmt.Sprintf("/bin/guest.wasm component %s /lib/add.wasm component %s ", digest.FromBytes(guest(t, "exit")), digest.FromBytes(guest(t, "add"))) {
		t.Errorf("inspect shows %q", out)
	}
	if out := must(t, append(wasm, "inspect", "--wit", ref)...); !strings.Contains(out, "// /bin/guest.wasm, ") || !strings.Contains(out, "wasi:cli/run") {
		t.Errorf("the interfaces are %s", out)
	}
	for _, name := range []string{"/bin/guest.wasm", "bin/guest.wasm", "guest.wasm", "guest"} {
		if r := try(t, append(wasm, "export", ref, name)...); r.stdout != string(guest(t, "exit")) {
			t.Errorf("%s has %d bytes: %s", name, len(r.stdout), r.stderr)
		}
	}
	fails(t, []string{"/bin/guest.wasm, /lib/add.wasm"}, append(wasm, "export", ref)...)
	fails(t, []string{"nothing", "/bin/guest.wasm, /lib/add.wasm"}, append(wasm, "export", ref, "nothing")...)
	if out := must(t, "sh", "-c", `nerdctl --namespace "$0" wasm cp "$1:*.wasm" - | tar t`, namespace, ref); out != "guest.wasm\nadd.wasm" {
		t.Errorf("the components are %q", out)
	}
	fails(t, []string{"/bin/guest.wasm", "files in its layers"}, append(wasm, "pull", "--component", "/bin/guest.wasm", ref)...)
	blobs := func() string { return sorted(must(t, "ctr", "-n", namespace, "content", "ls", "-q")) }
	if out := must(t, append(wasm, "precompile", ref)...); !strings.Contains(out, "guest.wasm: ") || !strings.Contains(out, "add.wasm: ") {
		t.Errorf("precompile says %q", out)
	}
	compiled := blobs()
	exits7(t, append(wasm, "run", "--rm", "--net", "none", ref)...)
	if after := blobs(); after != compiled {
		t.Errorf("the container left\n%s\nafter\n%s", after, compiled)
	}
	must(t, append(wasm, "pull", "-q", "--precompile", ref)...)
}

// TestFilesKeepTheirCode: given a file that was run, its bytes and its code are
// kept by the image, whoever runs it, and gone with it.
func TestFilesKeepTheirCode(t *testing.T) {
	namespace := unique("classic")
	defer removeNamespace(t, namespace)
	nerdctl, wasm := inNamespace(namespace)
	ref := pushClassic(t, "sleep", "wasi/wasm")
	must(t, append(wasm, "pull", "-q", ref)...)
	blobs := func() string { return sorted(must(t, "ctr", "-n", namespace, "content", "ls", "-q")) }
	run := func() { must(t, append(wasm, "run", "--rm", "--net", "none", ref, "0")...) }
	pulled := blobs()
	run()
	collectGarbage(t, namespace)
	compiled := blobs()
	file := digest.FromBytes(guest(t, "sleep")).String()
	if len(strings.Fields(compiled)) != len(strings.Fields(pulled))+2 || !strings.Contains(compiled, file) {
		t.Errorf("run, there are\n%s\nafter\n%s", compiled, pulled)
	}
	run()
	if again := blobs(); again != compiled {
		t.Errorf("run again, there are\n%s\nafter\n%s", again, compiled)
	}
	must(t, append(nerdctl, "rmi", ref)...)
	collectGarbage(t, namespace)
	if left := blobs(); left != "" {
		t.Errorf("left are\n%s", left)
	}
}

// TestExecFile: given a running container of such an image, a file of it can be
// added by its path, and nothing else.
func TestExecFile(t *testing.T) {
	ref := pushClassic(t, "probe.component", "wasip2/wasm")
	for _, c := range execs {
		t.Run(c.tool, func(t *testing.T) {
			id := sleeper(t, c.tool, ref)
			if out := must(t, c.exec(id, "/bin/guest.wasm", "env", "COLOUR")...); out != "blue" {
				t.Errorf("COLOUR is %q", out)
			}
			if out := must(t, c.exec(id, "/lib/add.wasm#add", "40", "2")...); out != "42" {
				t.Errorf("40 + 2 is %q", out)
			}
			fails(t, []string{"sh", "PATH#func"}, c.exec(id, "/bin/sh")...)
			fails(t, []string{"PATH#func"}, c.exec(id, "/etc/note")...)
		})
	}
}

// TestHostileFiles: given an image whose entrypoint is a link that leads out of
// its files, or is no file, or is code that somebody else compiled, nothing of
// the host is run.
func TestHostileFiles(t *testing.T) {
	host := filepath.Join(write(t, map[string]string{"host.wasm": string(guest(t, "probe.module"))}), "host.wasm")
	dir := write(t, map[string]string{
		"truncated.wasm": string(guest(t, "probe.module")[:5000]),
		"native.wasm":    "\x7fELF\x02\x01\x01 not from here",
	})
	must(t, "ln", "-s", host, filepath.Join(dir, "host.wasm"))
	must(t, "ln", "-s", strings.Repeat("../", 20)+host, filepath.Join(dir, "up.wasm"))
	must(t, "ln", "-s", "/proc/self/exe", filepath.Join(dir, "process.wasm"))
	must(t, "ln", "-s", "loop.wasm", filepath.Join(dir, "loop.wasm"))
	must(t, "mkfifo", filepath.Join(dir, "pipe.wasm"))
	layer := tarOf(t, dir)
	h := &hostile{blobs: map[string][]byte{}}
	h.image(t, layer, digest.FromBytes(layer))
	ref := serveArtifact(t, h)
	must(t, "nerdctl", "wasm", "pull", "-q", ref)
	defer func() { must(t, "nerdctl", "rmi", "-f", ref) }()
	for _, name := range []string{"host", "up", "process", "loop", "pipe", "native"} {
		fails(t, []string{"wasi/wasm", name + ".wasm"}, "nerdctl", "wasm", "run", "--rm", "--net", "none", "--entrypoint", "/"+name+".wasm", ref, "args", "x")
	}
	fails(t, []string{"truncated.wasm", "offset"}, "nerdctl", "wasm", "run", "--rm", "--net", "none", "--entrypoint", "/truncated.wasm", ref)
}

// TestNativeContainersStayNative: given a container of an ordinary image, the shim
// leaves it to runc, also where the image has a file of WebAssembly.
func TestNativeContainersStayNative(t *testing.T) {
	dir := write(t, map[string]string{
		"guest.wasm": string(guest(t, "probe.module")),
		"Dockerfile": "FROM " + busybox() + "\nCOPY guest.wasm /guest.wasm\n",
	})
	ref := registry() + "/e2e/" + unique("native") + ":latest"
	buildClassic(t, dir, "linux/amd64", "type=image,push=true,name="+ref)
	must(t, "ctr", "images", "pull", "--plain-http", ref)
	run := func(args ...string) []string {
		return append([]string{"ctr", "run", "--rm", "--runtime", runtimeName, ref, unique("native")}, args...)
	}
	if out := must(t, run("uname")...); out != "Linux" {
		t.Errorf("uname says %q", out)
	}
	// As with other shims, what counts is the file.
	if out := must(t, run("/guest.wasm", "args", "x")...); out != "x" {
		t.Errorf("the guest says %q", out)
	}
}

// TestFileOfNoImage: given a container whose files are of no image, the component
// among them runs all the same, and its code is found again.
func TestFileOfNoImage(t *testing.T) {
	dir := write(t, map[string]string{"guest.wasm": string(guest(t, "sleep"))})
	namespace := unique("classic")
	defer removeNamespace(t, namespace)
	var blobs string
	for range 2 {
		must(t, "ctr", "-n", namespace, "run", "--rm", "--runtime", runtimeName, "--rootfs", dir, unique("ctr"), "/guest.wasm", "0")
		collectGarbage(t, namespace)
		now := sorted(must(t, "ctr", "-n", namespace, "content", "ls", "-q"))
		if blobs != "" && now != blobs || len(strings.Fields(now)) != 2 {
			t.Errorf("there are\n%s\nafter\n%s", now, blobs)
		}
		blobs = now
	}
	must(t, "ctr", "-n", namespace, "leases", "rm", must(t, "ctr", "-n", namespace, "leases", "ls", "-q"))
}
