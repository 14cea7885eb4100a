package e2e

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

// commandTimeout, multiplied by patience, ends a command that hangs, so that a test fails
// instead.
const commandTimeout = 5 * time.Minute

// result is what a command left behind.
type result struct {
	stdout, stderr string
	code           int
}

// all is both streams, for texts that may be on either.
func (r result) all() string { return r.stdout + r.stderr }

// command is a command line with its input and surroundings.
type command struct {
	args  []string
	stdin io.Reader
	dir   string
	env   []string
}

// run runs a command to its end; only a failure to start it fails the test.
func (c command) run(t *testing.T) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), commandTimeout*patience(t))
	defer cancel()
	cmd := exec.CommandContext(ctx, c.args[0], c.args[1:]...)
	var stdout, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr, cmd.Dir = c.stdin, &stdout, &stderr, c.dir
	cmd.Env = append(os.Environ(), c.env...)
	cmd.WaitDelay = 5 * time.Second
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("%s: %v", strings.Join(c.args, " "), err)
	}
	if ctx.Err() != nil {
		t.Fatalf("%s: %v\n%s%s", strings.Join(c.args, " "), ctx.Err(), stdout.String(), stderr.String())
	}
	return result{stdout: stdout.String(), stderr: stderr.String(), code: cmd.ProcessState.ExitCode()}
}

// try runs a command line whose failure is part of the test.
func try(t *testing.T, args ...string) result {
	t.Helper()
	return command{args: args}.run(t)
}

// must runs a command line that has to succeed and returns its standard
// output without the last newline.
func must(t *testing.T, args ...string) string {
	t.Helper()
	r := try(t, args...)
	if r.code != 0 {
		t.Fatalf("%s: exit code %d\n%s", strings.Join(args, " "), r.code, r.all())
	}
	return strings.TrimSuffix(r.stdout, "\n")
}

// fails runs a command line that has to fail with every one of these texts.
func fails(t *testing.T, texts []string, args ...string) result {
	t.Helper()
	r := try(t, args...)
	if r.code == 0 {
		t.Errorf("%s succeeded\n%s", strings.Join(args, " "), r.all())
	}
	for _, text := range texts {
		if !strings.Contains(r.all(), text) {
			t.Errorf("%s does not say %q:\n%s", strings.Join(args, " "), text, r.all())
		}
	}
	return r
}

// begin starts a command, which ends with the test at the latest. What it says may be read
// when it has ended.
func begin(t *testing.T, args ...string) (cmd *exec.Cmd, said *bytes.Buffer) {
	t.Helper()
	cmd, said = exec.CommandContext(t.Context(), args[0], args[1:]...), new(bytes.Buffer)
	cmd.Stdout, cmd.Stderr = said, said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, said
}

// patience is what times to wait are multiplied by: WASMFILE_TEST_PATIENCE, else 3, for a
// machine that has other things to do. A test that passes waits no longer for it.
func patience(t *testing.T) time.Duration {
	t.Helper()
	text := os.Getenv("WASMFILE_TEST_PATIENCE")
	if text == "" {
		return 3
	}
	factor, err := strconv.Atoi(text)
	if err != nil || factor < 1 {
		t.Fatalf("WASMFILE_TEST_PATIENCE is %q, and not a number of times", text)
	}
	return time.Duration(factor)
}

// eventually waits until a condition holds, within is how long that takes at most on a
// machine without other work.
func eventually(t *testing.T, within time.Duration, what string, condition func() bool) {
	t.Helper()
	if !holds(t, within, condition) {
		t.Fatalf("%s: not within %s", what, within*patience(t))
	}
}

// holds reports whether a condition holds within a time.
func holds(t *testing.T, within time.Duration, condition func() bool) bool {
	t.Helper()
	for deadline := time.Now().Add(within * patience(t)); !condition(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			return false
		}
	}
	return true
}
