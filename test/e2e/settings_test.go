package e2e

import (
	"strings"
	"testing"
)

// inPlugin is a command line that runs an artifact to its end.
func inPlugin(ref, annotations string, args ...string) []string {
	run := append([]string{"nerdctl", "wasm", "run", "--rm", "-q", "--net", "none"}, annotated(annotations)...)
	return append(append(run, ref), args...)
}

// TestEngineConfigurations: given the administrator's file, a container can
// choose among what it describes, and has no more.
func TestEngineConfigurations(t *testing.T) {
	pages, wide, spin, sleep := publishGuest(t, "pages"), publishGuest(t, "wide"), publishGuest(t, "spin"), publishGuest(t, "sleep")
	config, store, grows := publishGuest(t, "config"), publishGuest(t, "store"), probe(t, "module")
	for _, ref := range []string{pages, wide, spin, sleep, config, store, grows} {
		must(t, "nerdctl", "wasm", "pull", "-q", ref)
	}
	fails(t, []string{"page sizes"}, inPlugin(pages, "")...)
	fails(t, []string{"engine-config", "there is none"}, inPlugin(pages, "engine-config=pages")...)
	must(t, inPlugin(wide, "")...)

	configureShim(t, `
[limits]
memory = "128MiB"

[engine-config.pages.wasm]
custom-page-sizes = true

[engine-config.narrow.wasm]
wide-arithmetic = false

[engine-config.metered.wasm]
fuel = 500000000

[engine-config.hurried.wasm]
timeout = "500ms"

[engine-config.blue.wasi]
config = true
config-var = { colour = "blue" }

[engine-config.kept.wasi]
keyvalue = true
keyvalue-in-memory-data = { colour = "blue" }

[engine-config.all.wasm]
gc = true
threads = true
shared-memory = true
exceptions = true
wide-arithmetic = true
memory64 = true
`)
	must(t, inPlugin(pages, "engine-config=pages")...)
	fails(t, []string{"page sizes"}, inPlugin(pages, "")...)
	fails(t, []string{"wide"}, inPlugin(wide, "engine-config=narrow")...)
	fails(t, []string{"engine-config", "all, blue, hurried, kept, metered, narrow, pages"}, inPlugin(wide, "engine-config=other")...)
	for configuration, cause := range map[string]string{"metered": "all fuel consumed by WebAssembly", "hurried": "interrupt"} {
		r := try(t, inPlugin(spin, "engine-config="+configuration)...)
		if r.code != 134 || !strings.Contains(r.stderr, "wasmfile: component guest.wasm trapped in ") || !strings.Contains(r.stderr, ": "+cause+"\n") {
			t.Errorf("%s: exit code %d, %q", configuration, r.code, r.stderr)
		}
	}
	must(t, inPlugin(sleep, "engine-config=all", "0")...)
	must(t, inPlugin(config, "engine-config=blue")...)
	fails(t, []string{"wasi:config"}, inPlugin(config, "")...)
	must(t, inPlugin(store, "engine-config=kept")...)
	fails(t, []string{"wasi:keyvalue"}, inPlugin(store, "engine-config=blue")...)

	must(t, inPlugin(grows, "memory=120MiB", "alloc", "20")...)
	fails(t, []string{"out of memory"}, inPlugin(grows, "memory=64MiB", "alloc", "100")...)
	fails(t, []string{"out of memory"}, inPlugin(grows, "", "alloc", "200")...)
	fails(t, []string{"memory", "administrator"}, inPlugin(grows, "memory=1GiB", "alloc", "1")...)
}

// TestAdministratorsMistakes: given a file with something unknown in it, no
// container starts, and the error names it.
func TestAdministratorsMistakes(t *testing.T) {
	ref := probe(t, "component")
	must(t, "nerdctl", "wasm", "pull", "-q", ref)
	for content, want := range map[string]string{
		"[engine-config.a.wasm]\ngarbage-collector = true\n": "wasm.garbage-collector",
		"[limits]\nnetwrok = \"deny\"\n":                     "limits.netwrok",
		"[engine-config.a.wasi]\ninherit-network = true\n":   "wasi.inherit-network",
	} {
		t.Run(want, func(t *testing.T) {
			configureShim(t, content)
			fails(t, []string{want, "shim.toml"}, inPlugin(ref, "", "args", "x")...)
		})
	}
}

// TestRefusedAnnotations: given what cannot be kept, the container does not
// start, and the error says why.
func TestRefusedAnnotations(t *testing.T) {
	ref := probe(t, "component")
	must(t, "nerdctl", "wasm", "pull", "-q", ref)
	for asked, want := range map[string]string{
		"egress=example.com:443": "cannot keep a guest to a list",
		"network=everything":     "deny",
		"memory=1":               "64KiB",
		"http.timeout=never":     "1ms",
		"http.addr=0.0.0.0:0":    "0.0.0.0:8080",
	} {
		fails(t, []string{"io.github.wasmfile." + strings.SplitN(asked, "=", 2)[0], want}, inPlugin(ref, asked)...)
	}
}

// TestTrapReport: given a guest that traps, every client's last line says
// what trapped and where.
func TestTrapReport(t *testing.T) {
	ref := probe(t, "module")
	for _, client := range clients {
		t.Run(client.name, func(t *testing.T) {
			client.pull(t, ref)
			r := try(t, client.run(ref, nil, "trap")...)
			lines := strings.Split(strings.TrimSpace(r.stderr), "\n")
			const want = "wasmfile: component guest.wasm trapped in "
			if last := lines[len(lines)-1]; r.code != 134 || !strings.HasPrefix(last, want) || !strings.Contains(last, " at 0x") || !strings.HasSuffix(last, ": wasm `unreachable` instruction executed") {
				t.Errorf("exit code %d, the last line is %q", r.code, last)
			}
		})
	}
}

// TestExports: given a name with #, the export is called with the arguments
// that follow.
func TestExports(t *testing.T) {
	ref := publishGuest(t, "wide")
	for _, client := range clients {
		if client.name != "ctr" { // whose arguments are the guest's alone
			client.pull(t, ref)
			if r := try(t, client.run(ref, []string{"--entrypoint", "guest#add"}, "40", "2")...); r.code != 0 || r.stdout != "42\n" {
				t.Errorf("%s: exit code %d, %q, %q", client.name, r.code, r.stdout, r.stderr)
			}
		}
	}
}

// TestTerminalOfEachClient: given a terminal, the guest's output, its exit code and the
// report of a trap come through it.
func TestTerminalOfEachClient(t *testing.T) {
	ref := probe(t, "module")
	for _, client := range clients {
		t.Run(client.name, func(t *testing.T) {
			client.pull(t, ref)
			in := func(args ...string) result {
				line := strings.Join(client.run(ref, []string{"-t"}, args...), " ")
				r := try(t, "script", "--quiet", "--return", "--command", line, "/dev/null")
				// Each terminal on the way may put a carriage return.
				r.stdout = strings.ReplaceAll(r.stdout, "\r", "")
				return r
			}
			if r := in("args", "a", "b"); r.code != 0 || !strings.HasSuffix(r.stdout, "a\nb\n") {
				t.Errorf("exit code %d, %q", r.code, r.all())
			}
			if r := in("exit", "7"); r.code != 7 {
				t.Errorf("exit code %d, %q", r.code, r.all())
			}
			if r := in("trap"); r.code != 134 || !strings.Contains(r.stdout, "\nwasmfile: component guest.wasm trapped in ") {
				t.Errorf("exit code %d, %q", r.code, r.all())
			}
		})
	}
}
