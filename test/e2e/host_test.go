package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wasmfile/wasmfile/frontend/lint/host"
	"github.com/wasmfile/wasmfile/pkg/wasm"
)

// hostItems are interfaces, by version of WASI, and an item of each: a resource
// when it is in brackets, else a function.
var hostItems = map[string]string{
	"0.2.0": `cli/environment get-arguments, cli/exit exit, cli/stdin get-stdin, cli/stdout get-stdout, cli/stderr get-stderr,
		cli/terminal-input [terminal-input], cli/terminal-output [terminal-output], cli/terminal-stdin get-terminal-stdin,
		cli/terminal-stdout get-terminal-stdout, cli/terminal-stderr get-terminal-stderr, cli/run run,
		clocks/monotonic-clock now, clocks/wall-clock now, clocks/timezone display,
		filesystem/preopens get-directories, filesystem/types [descriptor],
		http/outgoing-handler handle, http/types [fields], http/incoming-handler handle,
		io/error [error], io/poll [pollable], io/streams [input-stream],
		random/insecure get-insecure-random-u64, random/insecure-seed insecure-seed, random/random get-random-u64,
		sockets/instance-network instance-network, sockets/ip-name-lookup resolve-addresses, sockets/network [network],
		sockets/tcp [tcp-socket], sockets/tcp-create-socket create-tcp-socket, sockets/udp [udp-socket],
		sockets/udp-create-socket create-udp-socket`,
	"0.2.0-draft":         `keyvalue/store open, config/store get`,
	"0.2.0-rc-2024-10-28": `nn/inference [graph-execution-context]`,
	"0.3.0": `cli/environment get-arguments, cli/exit exit, cli/stdin read-via-stream, cli/stdout write-via-stream,
		cli/stderr write-via-stream, cli/terminal-input [terminal-input], cli/terminal-output [terminal-output],
		cli/terminal-stdin get-terminal-stdin, cli/terminal-stdout get-terminal-stdout,
		cli/terminal-stderr get-terminal-stderr, cli/run run,
		clocks/monotonic-clock now, clocks/system-clock now, clocks/wall-clock now,
		filesystem/preopens get-directories, filesystem/types [descriptor],
		http/client send, http/types [fields], http/handler handle, io/poll [pollable], io/streams [input-stream],
		random/insecure get-insecure-random-u64, random/insecure-seed get-insecure-seed, random/random get-random-u64,
		sockets/ip-name-lookup resolve-addresses, sockets/types [tcp-socket]`,
}

// TestHostProvides: given an interface, the engine has an implementation of it
// exactly when the rule UnprovidedImport takes it for provided.
func TestHostProvides(t *testing.T) {
	for version, items := range hostItems {
		for item := range strings.SplitSeq(items, ",") {
			path, name, _ := strings.Cut(strings.TrimSpace(item), " ")
			imported := "wasi:" + path + "@" + version
			// A function of this type there is none. Whether the engine
			// complains of that, or of the function, tells if it has one.
			kind := "(func (param \"x\" (list (list bool))))"
			if resource, ok := strings.CutPrefix(name, "["); ok {
				name, kind = strings.TrimSuffix(resource, "]"), "(type (sub resource))"
			}
			text := fmt.Sprintf("(component (import %q (instance (export %q %s))))", imported, name, kind)
			provides(t, text, wasm.KindComponent, imported)
		}
	}
	for name, function := range map[string]string{
		"wasi_snapshot_preview1": "proc_exit", "wasi_unstable": "proc_exit", "env": "abort", "wasi": "thread-spawn", "wasi_ephemeral_nn": "load",
	} {
		provides(t, fmt.Sprintf("(module (import %q %q (func (param f64 f64 f64))))", name, function), wasm.KindModule, name)
	}
}

// provides asks the engine, told what the shim tells it for a container that
// has the network: a core module can have no HTTP.
func provides(t *testing.T, text string, kind wasm.Kind, imported string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "import.wat")
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	args := []string{os.Getenv("WASMFILE_ENGINE"), "run", "-C", "cache=n", "-S", "inherit-network,allow-ip-name-lookup"}
	if kind == wasm.KindComponent {
		args = append(args, "-S", "http")
	}
	r := try(t, append(args, file)...)
	got := !strings.Contains(r.stderr, "implementation is missing") && !strings.Contains(r.stderr, "unknown import")
	if r.code == 0 || got != host.Provides(kind, imported) {
		t.Errorf("%s: the engine provides it: %t; exit code %d\n%s", imported, got, r.code, r.stderr)
	}
}
