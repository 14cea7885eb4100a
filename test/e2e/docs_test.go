package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// project is the build context of the documentation's Wasmfiles.
func project(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "project")
	if err := os.CopyFS(dir, os.DirFS("testdata/project")); err != nil {
		t.Fatal(err)
	}
	for name, from := range map[string]string{
		"app.wasm": "greet/greet.wasm", "greet.wasm": "greet/greet.wasm", "http.wasm": "http/http.wasm", "shout.wasm": "pipeline/shout.wasm",
		"plugins/greet.wasm": "greet/greet.wasm", "plugins/shout.wasm": "pipeline/shout.wasm",
	} {
		content, err := os.ReadFile(example(from))
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// builtHere are the flags by which a documented `docker buildx build` or
// `bake` uses the sandbox.
func builtHere() string {
	return strings.Join([]string{
		"--builder", buildkitBuilder(), "--progress", "plain",
		"--build-arg", "BUILDKIT_SYNTAX=" + os.Getenv("WASMFILE_FRONTEND"),
		"--build-context", "golang:1.26=docker-image://" + os.Getenv("GOLANG_IMAGE"),
		"--build-context", "busybox=docker-image://" + busybox(),
	}, " ")
}

// localized is a text of the documentation in which the places that stand for
// the reader's own are the sandbox's.
func localized(t *testing.T, dir, text string) string {
	t.Helper()
	if strings.Contains(text, "registry.example/greet:1.2") {
		must(t, "crane", "copy", publish(t, "greet"), registry()+"/docs/greet:1.2")
	}
	text = strings.ReplaceAll(text, "registry.example/", registry()+"/docs/")
	if strings.Contains(text, "https://example.com/") {
		web := t.TempDir()
		if err := os.CopyFS(web, os.DirFS(dir)); err != nil {
			t.Fatal(err)
		}
		must(t, "tar", "-C", dir, "-cf", filepath.Join(web, "app.tar"), ".")
		text = strings.ReplaceAll(text, "https://example.com/", serveFiles(t, web))
	}
	if strings.Contains(text, "https://git.example/app.git") {
		text = strings.ReplaceAll(text, "https://git.example/app.git", serveGit(t, dir))
	}
	return strings.ReplaceAll(text, "docker buildx build ", "docker buildx build "+builtHere()+" ")
}

// TestDocumentedWasmfilesBuild: given a Wasmfile in the documentation, what the
// page says of it is so: it builds, or fails, and the commands that follow it
// succeed and print what they print there.
func TestDocumentedWasmfilesBuild(t *testing.T) {
	pages, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	built := 0
	for _, page := range append(pages, "../../README.md") {
		if filepath.Base(page) == "languages.md" {
			continue // its Wasmfiles are the examples', which TestLanguages builds
		}
		for _, s := range readPage(t, page) {
			built++
			t.Run(fmt.Sprintf("%s:%d", filepath.Base(page), s.line), func(t *testing.T) { buildSnippet(t, s) })
		}
	}
	if built < 20 {
		t.Errorf("only %d Wasmfiles in the documentation", built)
	}
}

func buildSnippet(t *testing.T, s snippet) {
	dir := project(t)
	text := localized(t, dir, s.whole())
	if err := os.WriteFile(filepath.Join(dir, "Wasmfile"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	home := t.TempDir() // with credentials for nothing
	if err := os.Mkdir(filepath.Join(home, ".docker"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(home, ".docker", "config.json"), []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	commands := s.commands
	if len(commands) == 0 {
		commands = []shellCommand{{line: "docker buildx build -f Wasmfile -o type=local,dest=app ."}}
	}
	for _, c := range commands {
		line := localized(t, dir, c.line)
		r := command{args: []string{"bash", "-euo", "pipefail", "-c", line}, dir: dir, env: []string{"HOME=" + home}}.run(t)
		switch {
		case s.fails != "":
			if r.code == 0 || !strings.Contains(r.all(), s.fails) {
				t.Errorf("exit code %d, and it must say %q:\n%s\n%s", r.code, s.fails, text, r.all())
			}
		case r.code != 0:
			t.Fatalf("%s: exit code %d\n%s\n%s", c.line, r.code, text, r.all())
		}
		for _, want := range c.prints {
			if !strings.Contains(r.all(), want) {
				t.Errorf("%s does not print %q:\n%s", c.line, want, r.all())
			}
		}
	}
}
