package conformance

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Request is a container that a client is to run.
type Request struct {
	// Ref is the artifact's reference, Platform its os/architecture.
	Ref, Platform string
	// Args are the guest's, without its name.
	Args []string
	// Env are its variables, "NAME=value" each.
	Env []string
	// Dir is a directory of the host to mount at /data, empty for none, and
	// ReadOnly how.
	Dir      string
	ReadOnly bool
	// Cwd is the working directory, empty for the image's.
	Cwd string
	// Stdin is the guest's standard input.
	Stdin string
	// Memory is the most bytes that it may have, 0 for no limit.
	Memory int64
}

// Outcome is how a container ended, as its client tells.
type Outcome struct {
	Stdout, Stderr string
	Code           int
}

// testCase is a guest with what is expected of it.
type testCase struct {
	name    string
	guests  []string
	request Request
	// stop asks the container to end, instead of waiting for it to do so.
	stop bool

	stdout string // all of it; not compared when without is there
	stderr string // a part of it
	code   int
	// without are texts that standard output may not have.
	without []string
	// file is what the file note in the mounted directory has afterwards.
	file string
}

const (
	component = "probe.component"
	module    = "probe.module"
	// file is the component as a file of an image, and no layer.
	file = "probe.file"

	// note is what the file note in a mounted directory has at first.
	note = "from the host\n"
)

var (
	// input is more than a client reads ahead: ctr and nerdctl never end, native
	// or not, when the input does before the container has started.
	input = strings.Repeat("0123456789", 500_000)

	all = []string{component, module, file}
	one = []string{component}
)

// cases are in the order of the table.
var cases = []testCase{
	{name: "arguments", guests: all, request: Request{Args: []string{"args", "a", "b c"}}, stdout: "a\nb c\n"},
	{name: "environment", guests: all, request: Request{Args: []string{"env", "COLOUR"}, Env: []string{"COLOUR=blue"}}, stdout: "blue\n"},
	{name: "working directory", guests: one, request: Request{Args: []string{"read", "note"}, Dir: "/", Cwd: "/data"}, stdout: note},
	{name: "standard input", guests: all, request: Request{Args: []string{"cat"}, Stdin: input}, stdout: input},
	{name: "standard error", guests: one, request: Request{Args: []string{"stderr", "oops"}}, stderr: "oops"},
	{name: "exit code 0", guests: append([]string{"newest"}, all...), request: Request{Args: []string{"exit", "0"}}},
	{name: "exit code 7", guests: []string{module, "exit"}, request: Request{Args: []string{"exit", "7"}}, code: 7},
	{name: "a trap: 134, and where", guests: all, request: Request{Args: []string{"trap"}}, code: 134, stderr: "unreachable"},
	{name: "a mount is read", guests: all, request: Request{Args: []string{"read", "/data/note"}, Dir: "/", ReadOnly: true}, stdout: note, file: note},
	{name: "a read-only mount is not written", guests: all, request: Request{Args: []string{"write", "/data/note", "x"}, Dir: "/", ReadOnly: true}, code: 1, stderr: "/data/note", file: note},
	{name: "a mount is written", guests: all, request: Request{Args: []string{"write", "/data/note", "x"}, Dir: "/"}, file: "x"},
	{name: "nothing of host and engine is seen", guests: all, request: Request{Args: []string{"walk", "/"}}, without: []string{"wasm", "engine", "/bin", "self", "devices"}},
	{name: "over its memory: killed, 137", guests: one, request: Request{Args: []string{"alloc", "200"}, Memory: 32 << 20}, code: 137},
	{name: "asked to end: 143, at once", guests: all, request: Request{Args: []string{"sleep", "300"}}, stop: true, code: 143},
}

// prepare makes the directory that a case mounts.
func (c testCase) prepare(dir string) (Request, error) {
	r := c.request
	if r.Dir == "" {
		return r, nil
	}
	r.Dir = dir
	return r, os.WriteFile(filepath.Join(dir, "note"), []byte(note), 0o644)
}

// check compares what came with what is expected.
func (c testCase) check(got Outcome, dir string) error {
	switch {
	case got.Code != c.code:
		return fmt.Errorf("exit code %d, not %d: %.300q", got.Code, c.code, got.Stderr)
	case c.without == nil && got.Stdout != c.stdout:
		return fmt.Errorf("it prints %.100q, not %.100q", got.Stdout, c.stdout)
	case !strings.Contains(got.Stderr, c.stderr):
		return fmt.Errorf("standard error is %.300q, without %q", got.Stderr, c.stderr)
	}
	for _, text := range c.without {
		if strings.Contains(got.Stdout, text) {
			return fmt.Errorf("it sees %q: %.300q", text, got.Stdout)
		}
	}
	if c.file == "" {
		return nil
	}
	if content, err := os.ReadFile(filepath.Join(dir, "note")); err != nil || string(content) != c.file {
		return fmt.Errorf("the host has %q (%w), not %q", content, err, c.file)
	}
	return nil
}
