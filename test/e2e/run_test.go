package e2e

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"math/rand"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/wasmfile/wasmfile/test/e2e/guests"
)

// runtimeName is the shim's.
const runtimeName = "io.containerd.wasmfile.v1"

// client is a way to run a container to its end. The functions return the
// command line for a new container.
type client struct {
	name string
	pull func(t *testing.T, ref string)
	run  func(ref string, flags []string, args ...string) []string
}

// clients are the ones that have to behave alike.
var clients = []client{
	{
		name: "nerdctl wasm",
		pull: func(t *testing.T, ref string) { must(t, "nerdctl", "wasm", "pull", "-q", ref) },
		run: func(ref string, flags []string, args ...string) []string {
			return append(append(append([]string{"nerdctl", "wasm", "run", "--rm", "-q"}, flags...), ref), args...)
		},
	},
	{
		name: "ctr",
		pull: func(t *testing.T, ref string) { must(t, "nerdctl", "wasm", "pull", "-q", ref) },
		run: func(ref string, flags []string, args ...string) []string {
			if len(args) > 0 { // they replace the entrypoint too
				args = append([]string{"guest"}, args...)
			}
			return append(append(append([]string{"ctr", "run", "--rm", "--runtime", runtimeName}, ctrFlags(flags)...), ref, unique("ctr")), args...)
		},
	},
	{
		name: "docker",
		pull: func(t *testing.T, ref string) { must(t, "docker", "pull", "-q", "--platform", platform(ref), ref) },
		run: func(ref string, flags []string, args ...string) []string {
			return append(append(append([]string{"docker", "run", "--rm", "--runtime", runtimeName, "--platform", platform(ref)}, flags...), ref), args...)
		},
	},
}

// ctrFlags turns the flags that the tests use into ctr's.
func ctrFlags(flags []string) []string {
	var out []string
	for i := 0; i < len(flags); i++ {
		switch flags[i] {
		case "-v":
			i++
			source, rest, _ := strings.Cut(flags[i], ":")
			dest, mode, _ := strings.Cut(rest, ":")
			if mode == "" {
				mode = "rw"
			}
			out = append(out, "--mount", "type=bind,src="+source+",dst="+dest+",options=rbind:"+mode)
		case "-e":
			i++
			out = append(out, "--env", flags[i])
		case "-t":
			out = append(out, "--tty")
		case "-i": // ctr always attaches standard input
		default:
			out = append(out, flags[i])
		}
	}
	return out
}

// platform is what docker has to be told: WASI 0.1 for core modules.
func platform(ref string) string {
	out, err := exec.Command("crane", "config", ref).Output()
	var config struct{ OS, Architecture string }
	if err == nil {
		err = json.Unmarshal(out, &config)
	}
	if err != nil {
		return "unknown"
	}
	return config.OS + "/" + config.Architecture
}

func unique(prefix string) string { return fmt.Sprintf("%s-%d", prefix, rand.Int63()) }

// probe publishes the guest that does what its arguments say, as a component
// or as a core module.
func probe(t *testing.T, kind string) string {
	t.Helper()
	return publishGuest(t, "probe."+kind)
}

// publishGuest publishes an artifact of one of the suite's guests.
func publishGuest(t *testing.T, name string) string {
	t.Helper()
	return publishDir(t, strings.ReplaceAll(name, ".", "-"), write(t, map[string]string{
		"guest.wasm": string(guest(t, name)),
		"Wasmfile":   "FROM scratch\nCOMPONENT guest.wasm\nENTRYPOINT [\"guest\"]\n",
	}))
}

// publishTwo publishes an artifact with the components a, the probe, which its
// entrypoint names, and b, which ends with 7.
func publishTwo(t *testing.T) string {
	t.Helper()
	return publishDir(t, "two", write(t, map[string]string{
		"a.wasm":   string(guest(t, "probe.component")),
		"b.wasm":   string(guest(t, "exit")),
		"Wasmfile": "FROM scratch\nCOMPONENT a.wasm b.wasm\nENTRYPOINT [\"a\"]\n",
	}))
}

// publishSleeper publishes an artifact like that of publishTwo, whose component a only
// sleeps, and so is compiled in a moment: for a test that has a containerd or a
// namespace of its own, in which there is no code yet.
func publishSleeper(t *testing.T) string {
	t.Helper()
	return publishDir(t, "sleeper", write(t, map[string]string{
		"a.wasm":   string(guest(t, "sleep")),
		"b.wasm":   string(guest(t, "exit")),
		"Wasmfile": "FROM scratch\nCOMPONENT a.wasm b.wasm\nENTRYPOINT [\"a\"]\n",
	}))
}

// guest is the content of one of the suite's Wasm guests.
func guest(t *testing.T, name string) []byte {
	t.Helper()
	paths, err := guests.Build(t.Context(), guests.CacheDir())
	if err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(paths[name])
	if err != nil {
		t.Fatalf("guest %s: %v", name, err)
	}
	return content
}

// TestClientsAgree: given a guest, every client prints the same and ends with
// the same exit code.
func TestClientsAgree(t *testing.T) {
	volume := t.TempDir()
	if err := os.WriteFile(filepath.Join(volume, "note"), []byte("from the host\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if content := readFile(t, filepath.Join(volume, "note")); content != "from the host\n" {
			t.Errorf("the read-only file is now %q", content)
		}
	})
	cases := []struct {
		name   string
		flags  []string
		args   []string
		stdout string
		stderr string // a part of it
		code   int
	}{
		{name: "arguments", args: []string{"args", "a", "b c"}, stdout: "a\nb c\n"},
		{name: "environment", flags: []string{"-e", "COLOUR=blue"}, args: []string{"env", "COLOUR"}, stdout: "blue\n"},
		{name: "exit 0", args: []string{"exit", "0"}},
		{name: "a trap", args: []string{"trap"}, stderr: "unreachable", code: 134},
		{name: "standard error", args: []string{"stderr", "oops"}, stderr: "oops"},
		{name: "a file of the host", flags: []string{"-v", volume + ":/data:ro"}, args: []string{"read", "/data/note"}, stdout: "from the host\n"},
		{name: "a read-only one", flags: []string{"-v", volume + ":/data:ro"}, args: []string{"write", "/data/note", "x"}, stderr: "/data/note", code: 1},
	}
	for _, kind := range []string{"component", "module"} {
		ref := probe(t, kind)
		for _, client := range clients {
			client.pull(t, ref)
			for _, c := range cases {
				t.Run(kind+"/"+client.name+"/"+c.name, func(t *testing.T) {
					t.Parallel()
					r := try(t, client.run(ref, c.flags, c.args...)...)
					if r.stdout != c.stdout || !strings.Contains(r.stderr, c.stderr) || r.code != c.code {
						t.Errorf("exit code %d, stdout %q, stderr %q; want %d, %q, %q", r.code, r.stdout, r.stderr, c.code, c.stdout, c.stderr)
					}
				})
			}
		}
	}
}

// TestExitCodes: given guests that end with 7, each in the way that its WASI
// has for it, with success, or by a trap, every client ends with the same.
func TestExitCodes(t *testing.T) {
	for _, c := range []struct {
		guest string
		args  []string
		code  int
	}{
		{"probe.module", []string{"exit", "7"}, 7},
		{"exit", nil, 7},   // WASI 0.2, exit-with-code
		{"newest", nil, 0}, // WASI 0.3
		{"trap", nil, 134},
	} {
		ref := publishGuest(t, c.guest)
		for _, client := range clients {
			t.Run(c.guest+"/"+client.name, func(t *testing.T) {
				client.pull(t, ref)
				if r := try(t, client.run(ref, nil, c.args...)...); r.code != c.code {
					t.Errorf("exit code %d, not %d: %s", r.code, c.code, r.all())
				}
			})
		}
	}
}

// TestVolumeCanBeWritten: given a writable mount, what a guest writes is on
// the host.
func TestVolumeCanBeWritten(t *testing.T) {
	ref := probe(t, "component")
	for _, client := range clients {
		t.Run(client.name, func(t *testing.T) {
			volume := t.TempDir()
			client.pull(t, ref)
			must(t, client.run(ref, []string{"-v", volume + ":/out"}, "write", "/out/note", "from the guest")...)
			content, err := os.ReadFile(filepath.Join(volume, "note"))
			if err != nil || string(content) != "from the guest" {
				t.Errorf("the host has %q (%v)", content, err)
			}
		})
	}
}

// TestPipe: given 50 MB on standard input, the guest's output is the same
// bytes.
func TestPipe(t *testing.T) {
	input := make([]byte, 50<<20)
	if _, err := rand.New(rand.NewSource(1)).Read(input); err != nil {
		t.Fatal(err)
	}
	want := sha256.Sum256(input)
	ref := probe(t, "component")
	for _, client := range clients {
		t.Run(client.name, func(t *testing.T) {
			client.pull(t, ref)
			c := command{args: client.run(ref, []string{"-i"}, "cat"), stdin: bytes.NewReader(input)}
			r := c.run(t)
			if got := sha256.Sum256([]byte(r.stdout)); r.code != 0 || got != want {
				t.Errorf("exit code %d, %d bytes of %d; stderr %q", r.code, len(r.stdout), len(input), r.stderr)
			}
		})
	}
}

// TestGuestSeesOnlyItsFiles: given an artifact without files, the guest finds nothing.
func TestGuestSeesOnlyItsFiles(t *testing.T) {
	if out := must(t, wasmRun("--net", "none", probe(t, "component"), "walk", "/")...); out != "/" {
		t.Errorf("the guest sees\n%s", out)
	}
}

// daemons are the tools that leave a container running, and how each starts
// one.
var daemons = []struct {
	tool string
	run  []string
}{
	{"nerdctl", []string{"nerdctl", "wasm", "run", "-d", "-q"}},
	{"docker", []string{"docker", "run", "-d", "--runtime", runtimeName, "--platform", "wasip2/wasm"}},
}

// TestHTTP: given an HTTP component, it answers on a published port and ends
// in time when it is stopped.
func TestHTTP(t *testing.T) {
	ref := publish(t, "http")
	for _, c := range daemons {
		t.Run(c.tool, func(t *testing.T) {
			port, name := freePort(t), unique("http")
			must(t, append(c.run, "--name", name, "-p", "127.0.0.1:"+port+":8080", ref)...)
			defer try(t, c.tool, "rm", "-f", name)
			eventually(t, 20*time.Second, "an answer", func() bool {
				status, body := get("http://127.0.0.1:" + port + "/")
				return status == http.StatusOK && body != ""
			})
			stopsInTime(t, c.tool, "stop", name)
		})
	}
}

// TestStopCommand: given a command that would run for long, stop ends it in
// time, and its exit code says by what.
func TestStopCommand(t *testing.T) {
	ref := probe(t, "component")
	for _, c := range daemons {
		t.Run(c.tool, func(t *testing.T) {
			name := unique("stop")
			must(t, append(c.run, "--name", name, ref, "sleep", "300")...)
			defer try(t, c.tool, "rm", "-f", name)
			stopsInTime(t, c.tool, "stop", name)
			if code := must(t, c.tool, "inspect", "--format", "{{.State.ExitCode}}", name); code != "143" {
				t.Errorf("exit code %s, not 143", code)
			}
		})
	}
}

// awaitRunning waits until nerdctl has a container of this name that runs.
func awaitRunning(t *testing.T, name string) {
	t.Helper()
	eventually(t, time.Minute, name+" to run", func() bool {
		return try(t, "nerdctl", "inspect", "--format", "{{.State.Status}}", name).stdout == "running\n"
	})
}

// stopsInTime asks a container to end, which it has to do before the ten seconds are over
// after which clients kill it.
func stopsInTime(t *testing.T, args ...string) {
	t.Helper()
	start := time.Now()
	must(t, args...)
	if took := time.Since(start); took > 8*time.Second {
		t.Errorf("%s took %s", strings.Join(args, " "), took)
	}
}

func get(url string) (int, string) {
	// A probe keeps no connection open, for which a server would wait.
	client := http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Get(url)
	if err != nil {
		return 0, ""
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, ""
	}
	return response.StatusCode, string(body)
}
