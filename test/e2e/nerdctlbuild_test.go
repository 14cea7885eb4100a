package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestNerdctlWasmBuild: given a Wasmfile, the plugin builds what buildx
// builds, without a registry, and can run it at once.
func TestNerdctlWasmBuild(t *testing.T) {
	want := layoutDigest(t, build{builder: buildkitBuilder(), dir: example("hello")}.layout(t))
	name := unique("built") + ":latest"
	dest := filepath.Join(t.TempDir(), "layout")
	nerdctlBuild := func(dir string, flags ...string) []string {
		return append(append([]string{"nerdctl", "wasm", "build", "--progress", "plain", "--build-arg", "GO_IMAGE=" + os.Getenv("GOLANG_IMAGE")}, flags...), dir)
	}
	must(t, nerdctlBuild(example("hello"), "-t", name)...)
	defer try(t, "nerdctl", "rmi", "-f", name)
	if got := must(t, "nerdctl", "wasm", "inspect", "--format", "{{.Descriptor.Digest}}", name); got != want {
		t.Errorf("built %s, buildx builds %s", got, want)
	}
	if out := must(t, append(wasmRun(name), "an argument")...); out != "Hello from WebAssembly\narguments: an argument" {
		t.Errorf("it prints %q", out)
	}
	must(t, nerdctlBuild(example("hello"), "-o", "type=local,dest="+dest)...)
	if got := layoutDigest(t, dest); got != want {
		t.Errorf("-o wrote %s, buildx builds %s", got, want)
	}

	secret := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(secret, []byte("hush"), 0o600); err != nil {
		t.Fatal(err)
	}
	dir := write(t, map[string]string{
		"greet.wasm": greetWasm(t),
		"Other": "ARG BUSYBOX_IMAGE\nFROM ${BUSYBOX_IMAGE} AS build\n" +
			"RUN --mount=type=secret,id=token test \"$(cat /run/secrets/token)\" = hush\nCOPY greet.wasm /\n" +
			"FROM scratch AS wanted\nCOMPONENT --from=build /greet.wasm\nFROM scratch\nCOMPONENT nowhere.wasm\n",
	})
	flags := []string{"-f", filepath.Join(dir, "Other"), "--build-arg", "BUSYBOX_IMAGE=" + busybox(), "--secret", "id=token,src=" + secret, "--no-cache"}
	must(t, nerdctlBuild(dir, append(flags, "--target", "wanted", "-t", name)...)...)
	if out := must(t, append(wasmRun(name), "Ada")...); out != "Hello, Ada!" {
		t.Errorf("it prints %q", out)
	}
	r := fails(t, []string{"Other:8", "nowhere.wasm"}, nerdctlBuild(dir, append(flags, "-t", name)...)...)
	if strings.Contains(r.all(), ".wasmfile/") {
		t.Errorf("the message shows internals:\n%s", r.all())
	}
}

// TestNerdctlWasmBuildWarns: given a Wasmfile that rules find fault with, the
// plugin prints each finding once, with its lines.
func TestNerdctlWasmBuildWarns(t *testing.T) {
	dest := filepath.Join(t.TempDir(), "layout")
	r := try(t, "nerdctl", "wasm", "build", "--progress", "plain", "-f", filepath.Join(lintCases, "MixedWASI", "fail", "Wasmfile"),
		"-o", "type=local,dest="+dest, filepath.Join(lintCases, "components"))
	for _, want := range []string{
		"WARNING: MixedWASI: mixed.wasm uses interfaces of WASI 0.2 and 0.3: only a host that has both can run it (line 4)\n",
		"docs/rules/mixed-wasi.md\n", "   3 | >>> COMPONENT newest.wasm\n", "   4 | >>> COMPONENT mixed.wasm\n",
	} {
		if !strings.Contains(r.stderr, want) {
			t.Errorf("it does not print %q:\n%s", want, r.all())
		}
	}
	if count := strings.Count(r.stderr, "WARNING: "); count != 2 || r.code != 0 {
		t.Errorf("%d warnings, exit code %d\n%s", count, r.code, r.all())
	}
}

// TestNerdctlWasmBuildCheck: given a Wasmfile with and without findings, or with an error,
// --check prints what buildx prints, with the same exit code.
func TestNerdctlWasmBuildCheck(t *testing.T) {
	dir, components := t.TempDir(), filepath.Join(lintCases, "components")
	for name, text := range map[string]string{
		"nothing":              "FROM scratch\nCOMPONENT command.wasm\n",
		"a finding":            "FROM scratch\nCOMPONENT command.wasm library1.wasm\nENTRYPOINT [\"command\"]\n",
		"two":                  "FROM scratch\ncomponent command.wasm library1.wasm\nENTRYPOINT [\"command\"]\n",
		"an error":             "FROM scratch\nCOMPONENT command.wasm\nENTRYPOINT command\n",
		"a finding, and error": "FROM scratch\ncomponent command.wasm\nENTRYPOINT command\n",
		"no Wasmfile":          "FROM scratch\nCOMPONENT\n",
	} {
		file := filepath.Join(dir, "Wasmfile")
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		want := build{dir: components, file: file, flags: []string{"--check"}}.run(t)
		r := try(t, "nerdctl", "wasm", "build", "--check", "--progress", "plain", "-f", file, components)
		if r.stdout != want.stdout || r.code != want.code {
			t.Errorf("%s: exit code %d\n%s\nand of buildx %d\n%s", name, r.code, r.all(), want.code, want.all())
		}
		if _, message, failed := strings.Cut(want.stderr, "ERROR: "); failed && !strings.HasSuffix(strings.TrimSpace(r.stderr), strings.TrimSpace(message)) {
			t.Errorf("%s: buildx says\n%s\nand the plugin\n%s", name, want.stderr, r.stderr)
		}
	}
}

// TestNerdctlWasmBuildWithoutBuilder: given no buildkitd, the error says what
// to do.
func TestNerdctlWasmBuildWithoutBuilder(t *testing.T) {
	fails(t, []string{"/nowhere/buildkitd.sock"}, "nerdctl", "wasm", "build", "--buildkit-host", "unix:///nowhere/buildkitd.sock", "-t", "x", example("greet"))
}
