package e2e

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/opencontainers/go-digest"
)

// dockerBuilder is the buildx builder that is dockerd itself.
const dockerBuilder = "default"

// buildkitBuilder is the buildx builder that is the sandbox's buildkitd.
func buildkitBuilder() string { return os.Getenv("BUILDX_BUILDER") }

// example is the directory of one of the repository's examples.
func example(name string) string { return filepath.Join("..", "..", "examples", name) }

// greetWasm is the component of the example greet.
func greetWasm(t *testing.T) string {
	t.Helper()
	return readFile(t, filepath.Join(example("greet"), "greet.wasm"))
}

// build is one `docker buildx build` of a directory with a Wasmfile.
type build struct {
	builder string // the sandbox's buildkitd when empty
	dir     string
	context string // dir when empty
	file    string // Wasmfile in dir when empty, none when "none"
	output  string
	flags   []string
	stdin   string
	env     []string
}

func (b build) args() []string {
	args := []string{
		"docker", "buildx", "build", "--builder", cmp.Or(b.builder, buildkitBuilder()), "--progress", "plain",
		"--build-arg", "BUILDKIT_SYNTAX=" + os.Getenv("WASMFILE_FRONTEND"),
		"--build-arg", "GO_IMAGE=" + os.Getenv("GOLANG_IMAGE"),
		"--build-arg", "BUSYBOX_IMAGE=" + os.Getenv("BUSYBOX_IMAGE"),
	}
	if b.file != "none" {
		args = append(args, "-f", cmp.Or(b.file, filepath.Join(b.dir, "Wasmfile")))
	}
	if b.output != "" {
		args = append(args, "-o", b.output)
	}
	return append(append(args, b.flags...), cmp.Or(b.context, b.dir))
}

// run builds; its failure is part of the test.
func (b build) run(t *testing.T) result {
	t.Helper()
	return command{args: b.args(), stdin: strings.NewReader(b.stdin), env: b.env}.run(t)
}

// must builds, which has to succeed.
func (b build) must(t *testing.T) result {
	t.Helper()
	r := b.run(t)
	if r.code != 0 {
		t.Fatalf("%s: exit code %d\n%s", strings.Join(b.args(), " "), r.code, r.all())
	}
	return r
}

// tar builds into a tar file and returns its path.
func (b build) tar(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "artifact.tar")
	b.output = "type=tar,dest=" + file
	b.must(t)
	return file
}

// layout builds into an OCI image layout and returns its directory.
func (b build) layout(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "layout")
	b.output = "type=local,dest=" + dir
	b.must(t)
	return dir
}

// layoutDigest is the digest of the one manifest in a layout.
func layoutDigest(t *testing.T, dir string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(dir, "index.json"))
	if err != nil {
		t.Fatal(err)
	}
	var index struct {
		Manifests []struct{ Digest digest.Digest }
	}
	if err := json.Unmarshal(content, &index); err != nil || len(index.Manifests) != 1 {
		t.Fatalf("index.json of the layout: %v: %s", err, content)
	}
	return index.Manifests[0].Digest.String()
}

func fileSum(t *testing.T, path string) string {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	hash := sha256.New()
	if _, err := io.Copy(hash, file); err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(hash.Sum(nil))
}

// published are the references that publishOnce has published in this run of the tests.
var published = struct {
	sync.Mutex
	refs map[string]bool
}{refs: make(map[string]bool)}

// publishOnce has something published under a reference, unless it was.
func publishOnce(ref string, publish func()) {
	published.Lock()
	defer published.Unlock()
	if !published.refs[ref] {
		publish()
		published.refs[ref] = true
	}
}

// publish builds an example once, pushes it to the sandbox's registry and
// returns its reference.
func publish(t *testing.T, name string) string {
	t.Helper()
	return publishDir(t, name, example(name))
}

// publishDir is publish for any directory with a Wasmfile, under a name that
// is the test suite's own.
func publishDir(t *testing.T, name, dir string) string {
	t.Helper()
	ref := registry() + "/e2e/" + name + ":latest"
	publishOnce(ref, func() {
		layout := build{builder: buildkitBuilder(), dir: dir}.layout(t)
		must(t, "oras", "cp", "--no-tty", "--from-oci-layout", layout+":latest", "--to-plain-http", ref)
	})
	return ref
}

// readFile is the content of a file.
func readFile(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// write makes a directory with these files, a build context.
func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	writeInto(t, dir, files)
	return dir
}

// writeInto writes files below a directory, and makes the directories that they need.
func writeInto(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
