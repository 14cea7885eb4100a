package task

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	taskapi "github.com/containerd/containerd/api/runtime/task/v3"
	"github.com/containerd/fifo"
	"golang.org/x/sys/unix"

	"github.com/wasmfile/wasmfile/shim/engine"
	"github.com/wasmfile/wasmfile/shim/policy"
)

const overflow = `Error: failed to run main module ` + "`/engine/component.cwasm`" + `

Caused by:
    0: failed to invoke ` + "`run`" + ` function
    1: error while executing at wasm backtrace:
           0:     0x3f - <unknown>!inner
           1:     0x43 - <unknown>!main
    2: memory fault at wasm address 0x10000 in linear memory of size 0x10000
    3: wasm trap: out of bounds memory access

Stack backtrace:
   0: <unknown>
`

func TestDescribeEnd(t *testing.T) {
	const failed = "Error: failed to run main module `/engine/component.cwasm`\n\nCaused by:\n"
	cases := map[string]string{
		failed + "    no func export named `f` found\n\n": "wasmfile: component app cannot be started: no func export named `f` found",
		failed + "    0: failed to instantiate \"/engine/component.cwasm\"\n    1: unknown import: `env::abort` has not been defined\n\nStack backtrace:\n   0: x\n": "wasmfile: component app cannot be started: unknown import: `env::abort` has not been defined",
		strings.ReplaceAll(failed, "\n", "\r\n") + "    0: component imports instance `a:b/c`\r\n    1: function implementation is missing\r\n\r\n":                  "wasmfile: component app cannot be started: component imports instance `a:b/c`: function implementation is missing",
		failed[:60]:                         "",
		"":                                  "",
		"panic: something of the guest's\n": "",
		overflow:                            "wasmfile: component app trapped in inner at 0x3f: memory fault at wasm address 0x10000 in linear memory of size 0x10000: out of bounds memory access",
		"    1: error while executing at wasm backtrace:\n    0:     0x2b - Main!<wasm function 0>\n    2: wasm trap: wasm `unreachable` instruction executed\n": "wasmfile: component app trapped in Main!<wasm function 0> at 0x2b: wasm `unreachable` instruction executed",
	}
	for said, want := range cases {
		if got := describeEnd([]byte(said), "app", policy.NetworkDeny); got != want {
			t.Errorf("%q becomes %q, not %q", said, got, want)
		}
	}
}

// TestDescribeMissingHTTP: given a component that makes requests and was not allowed to,
// the line says what allows it, and does not where something else is the matter.
func TestDescribeMissingHTTP(t *testing.T) {
	const said = "Error: failed to run main module `/engine/component.cwasm`\n\nCaused by:\n" +
		"    0: component imports instance `wasi:http/types@0.3.0`, but a matching implementation was not found in the linker\n    1: resource implementation is missing\n\n"
	for network, want := range map[policy.Network]bool{policy.NetworkDeny: true, policy.NetworkHTTP: false, policy.NetworkAllow: false} {
		line := describeEnd([]byte(said), "app", network)
		if got := strings.Contains(line, "--annotation io.github.wasmfile.network=http"); got != want || !strings.Contains(line, "resource implementation is missing") {
			t.Errorf("with network %v it is %q", network, line)
		}
	}
}

// The client gets every byte of the stream, and a line more when the guest
// trapped.
func TestReportTraps(t *testing.T) {
	for _, c := range []struct {
		status   uint32
		terminal bool
		end      string
	}{{134, false, "out of bounds memory access\n"}, {134, true, "out of bounds memory access\r\n"}, {0, false, overflow[len(overflow)-10:]}} {
		dir := t.TempDir()
		client := filepath.Join(dir, "client")
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		reader, err := fifo.OpenFifo(ctx, client, unix.O_RDONLY|unix.O_CREAT|unix.O_NONBLOCK, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		r := &taskapi.CreateTaskRequest{Bundle: dir, Stderr: client, Terminal: c.terminal}
		if c.terminal {
			r.Stdout, r.Stderr = client, ""
		}
		report, err := reportTraps(ctx, r, "app", policy.NetworkDeny)
		if err != nil || report == nil || r.Stderr == client || r.Stdout == client {
			t.Fatalf("report %v, error %v, request %v", report, err, r)
		}
		guest, err := os.OpenFile(r.Stderr+r.Stdout, os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		said := strings.Repeat("x", 3*tailSize) + "\n" + overflow
		go func() {
			_, _ = io.WriteString(guest, said)
			_ = guest.Close()
			report.finish(c.status)
		}()
		got, err := io.ReadAll(reader)
		if err != nil || !strings.HasPrefix(string(got), said) || !strings.HasSuffix(string(got), c.end) {
			t.Errorf("status %d: %d bytes of %d, the end is %q, %v", c.status, len(got), len(said), got[max(0, len(got)-300):], err)
		}
		if c.status == 0 && len(got) != len(said) {
			t.Errorf("a guest that succeeded said %d bytes, the client got %d", len(said), len(got))
		}
	}
}

// What is no pipe is left to runc.
func TestNothingToReport(t *testing.T) {
	file := filepath.Join(t.TempDir(), "log")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, stream := range []string{"", "binary:///usr/bin/logger?x", file, "/nothing/here"} {
		r := &taskapi.CreateTaskRequest{Bundle: t.TempDir(), Stderr: stream, Stdout: "other"}
		report, err := reportTraps(t.Context(), r, "app", policy.NetworkDeny)
		if report != nil || err != nil || r.Stderr != stream {
			t.Errorf("%q gives %v, %v", stream, report, err)
		}
		report.finish(1)
	}
}

// Given a client that has gone before it read, the container is not created for as
// long as the shim lives.
func TestNobodyReads(t *testing.T) {
	dir := t.TempDir()
	client := filepath.Join(dir, "client")
	if err := unix.Mkfifo(client, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	refused := make(chan error)
	go func() {
		_, err := reportTraps(ctx, &taskapi.CreateTaskRequest{Bundle: dir, Stderr: client}, "app", policy.NetworkDeny)
		refused <- err
	}()
	cancel()
	select {
	case err := <-refused:
		if err == nil {
			t.Error("somebody reads")
		}
	case <-time.After(10 * time.Second):
		t.Error("it is still waited for a client that is gone")
	}
}

// Given a client that has stopped reading, nothing is left in the shim of a guest
// that is deleted.
func TestClientStopsReading(t *testing.T) {
	dir := t.TempDir()
	client := filepath.Join(dir, "client")
	if err := unix.Mkfifo(client, 0o600); err != nil {
		t.Fatal(err)
	}
	reader, err := os.OpenFile(client, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	r := &taskapi.CreateTaskRequest{Bundle: dir, Stderr: client}
	report, err := reportTraps(t.Context(), r, "app", policy.NetworkDeny)
	if err != nil {
		t.Fatal(err)
	}
	said, err := os.OpenFile(r.Stderr, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		_, _ = said.Write(make([]byte, 1<<20)) // more than two pipes hold
		_ = said.Close()
	}()
	living := &guests{}
	living.add("c", &guest{engine: &engine.Engine{}, traps: report})
	if _, err := newService(recorder{}, living, nil).Delete(t.Context(), &taskapi.DeleteRequest{ID: "c"}); err != nil {
		t.Fatal(err)
	}
	select {
	case <-report.done:
	case <-time.After(10 * time.Second):
		t.Error("its output is still passed on")
	}
}
