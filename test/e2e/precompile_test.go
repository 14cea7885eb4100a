package e2e

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/pkg/namespaces"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/runtime-spec/specs-go"
)

// pulled publishes a component and pulls it into a new namespace, which the
// caller removes. The functions are the plugin's command lines in it, and the
// number of blobs there.
func pulled(t *testing.T, component []byte, pullFlags ...string) (ref, namespace string, wasm func(args ...string) []string, blobs func() int) {
	t.Helper()
	ref = publishDir(t, unique("code"), write(t, map[string]string{
		"guest.wasm": string(component),
		"Wasmfile":   "FROM scratch\nCOMPONENT guest.wasm\nENTRYPOINT [\"guest\"]\n",
	}))
	namespace = unique("code")
	wasm = func(args ...string) []string {
		return append([]string{"nerdctl", "--namespace", namespace, "wasm"}, args...)
	}
	must(t, wasm(append(append([]string{"pull", "-q"}, pullFlags...), ref)...)...)
	return ref, namespace, wasm, func() int {
		return len(strings.Fields(must(t, "ctr", "-n", namespace, "content", "ls", "-q")))
	}
}

// exits7 runs a container of the guest exit, which is compiled in a moment.
func exits7(t *testing.T, args ...string) {
	t.Helper()
	if r := try(t, args...); r.code != 7 {
		t.Errorf("exit code %d, not 7: %s", r.code, r.all())
	}
}

// codeOf is the code of the only component in a namespace: the component's
// digest, and the label that holds the code's, with its value.
func codeOf(t *testing.T, namespace string) (component, label, code string) {
	t.Helper()
	for line := range strings.Lines(must(t, "ctr", "-n", namespace, "content", "ls")) {
		fields := strings.Fields(line)
		for pair := range strings.SplitSeq(fields[len(fields)-1], ",") {
			if key, value, _ := strings.Cut(pair, "="); strings.HasPrefix(key, "containerd.io/gc.ref.content.wasmfile.") {
				if component != "" {
					t.Fatalf("there is more code than one: %s and %s", code, value)
				}
				component, label, code = fields[0], key, value
			}
		}
	}
	if component == "" {
		t.Fatalf("there is no code in namespace %s", namespace)
	}
	return component, label, code
}

// TestPrecompile: given an artifact that is compiled ahead, by either command,
// what runs is that code.
func TestPrecompile(t *testing.T) {
	for _, c := range []struct {
		name string
		pull []string
		then []string
	}{{"pull --precompile", []string{"--precompile"}, nil}, {"precompile", nil, []string{"precompile"}}} {
		t.Run(c.name, func(t *testing.T) {
			ref, namespace, wasm, blobs := pulled(t, neverSeen(guest(t, "exit")), c.pull...)
			defer removeNamespace(t, namespace)
			if c.then != nil {
				if out := must(t, wasm(append(c.then, ref)...)...); !strings.Contains(out, "guest.wasm: ") || !strings.Contains(out, "bytes of code") {
					t.Errorf("it says %q", out)
				}
			}
			_, label, code := codeOf(t, namespace)
			before := blobs()
			exits7(t, wasm("run", "--rm", "-q", "--net", "none", ref)...)
			if _, after, same := codeOf(t, namespace); after != label || same != code || blobs() != before {
				t.Errorf("%d blobs before, %d after; the code %s of %s was %s of %s", before, blobs(), same, after, code, label)
			}
		})
	}
}

// TestPrecompileErrors: given what cannot be compiled ahead, the message says
// why.
func TestPrecompileErrors(t *testing.T) {
	fails(t, []string{"nothing-here", "pull"}, "nerdctl", "wasm", "precompile", registry()+"/nothing-here")
	must(t, "nerdctl", "pull", "-q", busybox())
	fails(t, []string{busybox(), "linux/amd64", "without Wasm layers"}, "nerdctl", "wasm", "precompile", busybox())
	ref := probe(t, "component")
	must(t, "nerdctl", "wasm", "pull", "-q", ref)
	fails(t, []string{"engine-config", "nosuch"}, "nerdctl", "wasm", "precompile", "--annotation", "io.github.wasmfile.engine-config=nosuch", ref)
}

// TestOnlyOwnCodeRuns: given code that was changed, cut short, or is another
// component's, the component is compiled anew, and runs.
func TestOnlyOwnCodeRuns(t *testing.T) {
	blob := func(digest string) string {
		return filepath.Join(os.Getenv("SANDBOX_DIR"), "data/containerd/io.containerd.content.v1.content/blobs/sha256", strings.TrimPrefix(digest, "sha256:"))
	}
	cases := map[string]func(t *testing.T, namespace string){
		"changed": func(t *testing.T, namespace string) {
			_, _, code := codeOf(t, namespace)
			kept, err := os.ReadFile(blob(code))
			if err != nil {
				t.Fatal(err)
			}
			kept[len(kept)/2] ^= 0xff
			replace(t, blob(code), kept)
		},
		"cut short": func(t *testing.T, namespace string) {
			_, _, code := codeOf(t, namespace)
			kept, err := os.ReadFile(blob(code))
			if err != nil {
				t.Fatal(err)
			}
			replace(t, blob(code), kept[:len(kept)/3])
		},
		"of another component": func(t *testing.T, namespace string) {
			component, label, _ := codeOf(t, namespace)
			_, other, _, _ := pulled(t, neverSeen(guest(t, "trap")), "--precompile")
			defer removeNamespace(t, other)
			_, _, foreign := codeOf(t, other)
			c := command{args: []string{"ctr", "-n", namespace, "content", "ingest", "foreign"}, stdin: open(t, blob(foreign))}
			if r := c.run(t); r.code != 0 {
				t.Fatal(r.all())
			}
			must(t, "ctr", "-n", namespace, "content", "label", component, label+"="+foreign)
		},
		"of another component with its seal": func(t *testing.T, namespace string) {
			component, label, _ := codeOf(t, namespace)
			_, other, _, _ := pulled(t, neverSeen(guest(t, "trap")), "--precompile")
			defer removeNamespace(t, other)
			_, _, foreign := codeOf(t, other)
			seal := regexp.MustCompile(`io\.github\.wasmfile\.code\.seal\.[^,\s]+`).FindString(must(t, "ctr", "-n", other, "content", "ls"))
			if !strings.HasPrefix(seal, strings.Replace(label, "containerd.io/gc.ref.content.wasmfile.", "io.github.wasmfile.code.seal.", 1)+"=") {
				t.Fatalf("the seal is %q", seal)
			}
			c := command{args: []string{"ctr", "-n", namespace, "content", "ingest", "foreign"}, stdin: open(t, blob(foreign))}
			if r := c.run(t); r.code != 0 {
				t.Fatal(r.all())
			}
			must(t, "ctr", "-n", namespace, "content", "label", component, label+"="+foreign, seal)
		},
		"half written before the host lost power": func(t *testing.T, namespace string) {
			_, _, code := codeOf(t, namespace)
			must(t, "ctr", "-n", namespace, "content", "rm", code)
			if err := os.Remove(blob(code)); err != nil { // which other namespaces may have too
				t.Fatal(err)
			}
			daemon, err := containerd.New(os.Getenv("CONTAINERD_ADDRESS"))
			if err != nil {
				t.Fatal(err)
			}
			defer daemon.Close()
			ctx := namespaces.WithNamespace(t.Context(), namespace)
			writer, err := daemon.ContentStore().Writer(ctx, content.WithRef("wasmfile-code-"+strings.TrimPrefix(code, "sha256:")))
			if err != nil {
				t.Fatal(err)
			}
			_, err = writer.Write(make([]byte, 4096))
			if err = errors.Join(err, writer.Close()); err != nil {
				t.Fatal(err)
			}
		},
	}
	for name, damage := range cases {
		t.Run(name, func(t *testing.T) {
			ref, namespace, wasm, _ := pulled(t, neverSeen(guest(t, "exit")), "--precompile")
			defer removeNamespace(t, namespace)
			_, _, code := codeOf(t, namespace)
			damage(t, namespace)
			exits7(t, wasm("run", "--rm", "-q", "--net", "none", ref)...)
			if _, _, again := codeOf(t, namespace); again != code {
				t.Errorf("the code is %s, it was %s", again, code)
			}
			sum := must(t, "sha256sum", blob(code))
			if !strings.HasPrefix(sum, strings.TrimPrefix(code, "sha256:")) {
				t.Errorf("the code that is kept is still damaged: %s", sum)
			}
		})
	}
}

func open(t *testing.T, path string) *os.File {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// replace changes a file in place, read-only as it may be.
func replace(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o444); err != nil {
		t.Fatal(err)
	}
}

// TestEngineUpdate: given an engine that was replaced, its code takes the place
// of the old one's, which is collected.
func TestEngineUpdate(t *testing.T) {
	ref, namespace, wasm, blobs := pulled(t, neverSeen(guest(t, "exit")), "--precompile")
	defer removeNamespace(t, namespace)
	_, label, _ := codeOf(t, namespace)
	before := blobs()
	engine, err := os.ReadFile(os.Getenv("WASMFILE_ENGINE"))
	if err != nil {
		t.Fatal(err)
	}
	updated := filepath.Join(t.TempDir(), "wasmtime")
	if err := os.WriteFile(updated, append(engine, 0), 0o755); err != nil {
		t.Fatal(err)
	}
	c := command{args: wasm("precompile", ref), env: []string{"WASMFILE_ENGINE=" + updated}}
	if r := c.run(t); r.code != 0 {
		t.Fatal(r.all())
	}
	if _, after, _ := codeOf(t, namespace); after == label {
		t.Errorf("the code is still %s", after)
	}
	exits7(t, wasm("run", "--rm", "-q", "--net", "none", ref)...)
	if _, again, _ := codeOf(t, namespace); again != label {
		t.Errorf("the first engine's code is %s, it was %s", again, label)
	}
	if blobs() != before {
		t.Errorf("%d blobs, there were %d", blobs(), before)
	}
}

// TestEngineIsCollected: given an engine that is replaced while a container runs, that
// one stays with its own, for exec too, which is removed with the container.
func TestEngineIsCollected(t *testing.T) {
	ref, namespace, wasm, _ := pulled(t, guest(t, "sleep"), "--precompile")
	defer removeNamespace(t, namespace)
	executable := os.Getenv("WASMFILE_ENGINE")
	content, err := os.ReadFile(executable)
	if err != nil {
		t.Fatal(err)
	}
	replaceEngine := func(content []byte) {
		t.Helper()
		next := executable + ".next"
		if err := errors.Join(os.WriteFile(next, content, 0o755), os.Rename(next, executable)); err != nil {
			t.Fatal(err)
		}
	}
	defer replaceEngine(content)
	start := func() (id, engine string) {
		t.Helper()
		id = must(t, wasm("run", "-d", "-q", "--net", "none", ref, "sleep", "300")...)
		return id, engineOf(t, namespace, id)
	}
	first, old := start()
	defer try(t, "nerdctl", "--namespace", namespace, "rm", "-f", first)
	replaceEngine(append(content, 0))
	_, label, _ := codeOf(t, namespace)
	must(t, "nerdctl", "--namespace", namespace, "exec", first, "guest", "0")
	if _, after, _ := codeOf(t, namespace); after != label {
		t.Errorf("code of another engine than the container's was made for exec: %s, not %s", after, label)
	}
	second, current := start()
	defer try(t, "nerdctl", "--namespace", namespace, "rm", "-f", second)
	if _, err := os.Stat(old); err != nil || current == old {
		t.Errorf("the engines are %s and %s, %v", old, current, err)
	}
	must(t, "nerdctl", "--namespace", namespace, "rm", "-f", first)
	if _, err := os.Stat(old); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the engine %s is left: %v", old, err)
	}
	if _, err := os.Stat(filepath.Join(current, "wasmtime")); err != nil {
		t.Error(err)
	}
}

// bundleOf is the bundle of a container of the sandbox's containerd.
func bundleOf(namespace, id string) string {
	return filepath.Join(os.Getenv("SANDBOX_DIR"), "run", "containerd", "io.containerd.runtime.v2.task", namespace, id)
}

// engineOf is the directory of the host that is the engine of a container.
func engineOf(t *testing.T, namespace, id string) string {
	t.Helper()
	var config specs.Spec
	if err := json.Unmarshal([]byte(readFile(t, filepath.Join(bundleOf(namespace, id), "config.json"))), &config); err != nil {
		t.Fatal(err)
	}
	for _, m := range config.Mounts {
		if m.Destination == "/engine" {
			return m.Source
		}
	}
	t.Fatalf("%s has no engine", id)
	return ""
}

// TestFlagsHaveCodeOfTheirOwn: given two engine configurations, their code is
// kept side by side, and each runs.
func TestFlagsHaveCodeOfTheirOwn(t *testing.T) {
	configureShim(t, "[engine-config.metered.wasm]\nfuel = 1000000000\n")
	ref, namespace, wasm, blobs := pulled(t, neverSeen(guest(t, "exit")), "--precompile")
	defer removeNamespace(t, namespace)
	before := blobs()
	metered := []string{"--annotation", "io.github.wasmfile.engine-config=metered"}
	must(t, wasm(append(append([]string{"precompile"}, metered...), ref)...)...)
	if blobs() != before+1 {
		t.Errorf("%d blobs after the second configuration, %d before", blobs(), before)
	}
	for range 2 {
		exits7(t, wasm("run", "--rm", "-q", "--net", "none", ref)...)
		exits7(t, wasm(append(append([]string{"run", "--rm", "-q", "--net", "none"}, metered...), ref)...)...)
	}
	if blobs() != before+1 {
		t.Errorf("%d blobs after running both, %d before", blobs(), before)
	}
}

// digestOf is the digest of the first layer of an artifact in the registry.
func digestOf(t *testing.T, ref string) string {
	t.Helper()
	var manifest struct{ Layers []struct{ Digest string } }
	if err := json.Unmarshal([]byte(must(t, "crane", "manifest", ref)), &manifest); err != nil || len(manifest.Layers) == 0 {
		t.Fatalf("manifest of %s: %+v, %v", ref, manifest, err)
	}
	return manifest.Layers[0].Digest
}

// holdCompilation has the sandbox's shims wait before they compile a component, as they do
// while another one compiles it, until release is called or the test ends.
func holdCompilation(t *testing.T, component digest.Digest) (release func()) {
	t.Helper()
	locks := filepath.Join(os.Getenv("SANDBOX_DIR"), "data/containerd/io.containerd.wasmfile.v1/locks")
	if err := os.MkdirAll(locks, 0o700); err != nil {
		t.Fatal(err)
	}
	lock, err := os.OpenFile(filepath.Join(locks, component.Encoded()), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	release = sync.OnceFunc(func() { lock.Close() })
	t.Cleanup(release)
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	return release
}

// TestStartsShareOneCompilation: given a component that is being compiled,
// containers that need it wait, and then run.
func TestStartsShareOneCompilation(t *testing.T) {
	ref, namespace, wasm, blobs := pulled(t, neverSeen(guest(t, "exit")))
	defer removeNamespace(t, namespace)
	letCompile := holdCompilation(t, digest.Digest(digestOf(t, ref)))
	before := blobs()
	var running sync.WaitGroup
	results := make(chan result, 3)
	for range cap(results) {
		running.Go(func() { results <- try(t, wasm("run", "--rm", "-q", "--net", "none", ref)...) })
	}
	eventually(t, 20*time.Second, "a shim for each", func() bool {
		serving := slices.DeleteFunc(traces(t, []string{namespace}), func(trace string) bool {
			return !strings.HasPrefix(trace, "process ") || strings.HasSuffix(strings.TrimSpace(trace), " start")
		})
		return len(serving) == cap(results)
	})
	time.Sleep(500 * time.Millisecond) // which is many times what a compilation takes
	if len(results) > 0 || blobs() != before {
		t.Errorf("%d containers did not wait, %d blobs were %d", len(results), blobs(), before)
	}
	letCompile()
	running.Wait()
	close(results)
	for r := range results {
		if r.code != 7 {
			t.Errorf("exit code %d, %q", r.code, r.all())
		}
	}
	if blobs() != before+1 {
		t.Errorf("%d blobs, there were %d", blobs(), before)
	}
}

// TestCompilerIsConfined: given an engine that looks around when it compiles,
// it sees itself, its input and its output, and no more.
func TestCompilerIsConfined(t *testing.T) {
	spy := spyEngine(t, t.TempDir())
	ref, namespace, wasm, _ := pulled(t, neverSeen(guest(t, "exit")))
	defer removeNamespace(t, namespace)
	c := command{args: wasm("precompile", ref), env: []string{"WASMFILE_ENGINE=" + spy, "SECRET=x"}}
	user := isConfined(t, c.run(t))
	if again := isConfined(t, c.run(t)); user < 1<<16 || again == user {
		t.Errorf("its user is %d, and then %d", user, again)
	}
}

// spyEngine builds the engine that looks around.
func spyEngine(t *testing.T, dir string) string {
	t.Helper()
	spy := filepath.Join(dir, "wasmtime")
	build := exec.Command("go", "build", "-o", spy, "./cmd/spyengine")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return spy
}

// isConfined checks what that engine says when it was to compile, and returns as
// which user.
func isConfined(t *testing.T, r result) (user int) {
	t.Helper()
	if r.code == 0 {
		t.Fatal("it compiled")
	}
	var said []string
	for line := range strings.Lines(r.stderr) {
		if i := strings.Index(line, "user "); i >= 0 && len(said) == 0 {
			line = line[i:]
		}
		said = append(said, strings.TrimSpace(line))
	}
	if _, err := fmt.Sscanf(said[0], "user %d group", &user); err != nil {
		t.Fatalf("%v: %q", err, said)
	}
	want := []string{
		fmt.Sprintf("user %d group %[1]d", user), "environment [HOME=/]", "process 1",
		"sees /", "sees /component.wasm", "sees /engine", "sees /engine/component.cwasm", "sees /engine/engine.json", "sees /engine/lib",
		"sees /engine/wasmtime", "sees /out", "wrote in /out", "arguments compile -C cache=n /component.wasm -o /out/component.cwasm",
	}
	if got := strings.Join(said, "\n"); got != strings.Join(want, "\n") {
		t.Errorf("the compiler says\n%s\nnot\n%s", got, strings.Join(want, "\n"))
	}
	return user
}

// TestCompileBomb: given a component whose compilation takes more than is
// allowed, the container does not start, and the error says what it took.
func TestCompileBomb(t *testing.T) {
	bomb := manyFunctions(6_000, 300)
	for limit, want := range map[string]string{
		`cpu-time = "1s"`:   "1s of processor time",
		`time = "1s"`:       "more than 1s",
		`memory = "160MiB"`: "160 MiB of memory",
	} {
		t.Run(limit, func(t *testing.T) {
			configureShim(t, "[compile]\n"+limit+"\n")
			ref, namespace, wasm, _ := pulled(t, neverSeen(bomb))
			defer removeNamespace(t, namespace)
			begun := time.Now()
			fails(t, []string{"guest.wasm", want, "[compile]"}, wasm("run", "--rm", "-q", "--net", "none", ref)...)
			if took := time.Since(begun); took > time.Minute {
				t.Errorf("it took %s", took)
			}
		})
	}
}

// configureShim replaces the administrator's file of the sandbox's shim for a
// test.
func configureShim(t *testing.T, content string) {
	t.Helper()
	path := os.Getenv("WASMFILE_CONFIG")
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.WriteFile(path, before, 0o644); err != nil {
			t.Error(err)
		}
	})
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// manyFunctions is a core module with a start and this many functions more, each
// of this many additions and shifts of its parameters, all different.
func manyFunctions(count, length int) []byte {
	number := func(n int) []byte { return binary.AppendUvarint(nil, uint64(n)) }
	section := func(id byte, content []byte) []byte {
		return append(append([]byte{id}, number(len(content))...), content...)
	}
	types := []byte{2, 0x60, 2, 0x7f, 0x7f, 1, 0x7f, 0x60, 0, 0} // (i32, i32) -> i32, and () -> ()
	functions := append(number(count+1), 1)
	functions = append(functions, bytes.Repeat([]byte{0}, count)...)
	exports := append([]byte{2, 6}, "_start"...)
	exports = append(append(exports, 0, 0, 6), "memory"...)
	exports = append(exports, 2, 0)
	code := append(number(count+1), 2, 0, 0x0b) // the start does nothing
	for i := range count {
		body := []byte{0, 0x20, 0} // no locals; local.get 0
		for j := range length {
			body = append(body, 0x20, byte(j%2), []byte{0x6a, 0x74, 0x6c, 0x73}[(i>>(j%16)+j)%4]) // local.get, then add, shl, mul or xor
		}
		body = append(body, 0x0b)
		code = append(append(code, number(len(body))...), body...)
	}
	module := []byte("\x00asm\x01\x00\x00\x00")
	module = append(module, section(1, types)...)
	module = append(module, section(3, functions)...)
	module = append(module, section(5, []byte{1, 0, 1})...)
	module = append(module, section(7, exports)...)
	return append(module, section(10, code)...)
}
