package e2e

import (
	"fmt"
	"strings"
	"testing"
)

// TestListsShowOnlyWasm: given containers and images of both kinds, ps and
// images list the Wasm ones, with what there is to know of them.
func TestListsShowOnlyWasm(t *testing.T) {
	two := publishTwo(t)
	namespace := unique("list")
	defer removeNamespace(t, namespace)
	nerdctl := []string{"nerdctl", "--namespace", namespace}
	wasm := append(nerdctl, "wasm")
	must(t, append(nerdctl, "pull", "-q", busybox())...)
	must(t, append(nerdctl, "run", "-d", "--net", "none", "--name", "native", busybox(), "sleep", "300")...)
	must(t, append(wasm, "pull", "-q", probe(t, "component"))...)
	id := must(t, append(wasm, "run", "-q", "-d", "--net", "none", "--name", "guest", two, "sleep", "300")...)
	must(t, append(wasm, "create", "-q", "--net", "none", "--name", "later", "--entrypoint", "b.wasm", two)...)

	show := "{{.Names}} {{.Component}} {{.Components}} {{.WASI}} {{.Image}}"
	if out, want := must(t, append(wasm, "ps", "--format", show)...), "guest a.wasm [a.wasm b.wasm] 0.2 "+two; out != want {
		t.Errorf("ps shows %q, not %q", out, want)
	}
	if out := must(t, append(wasm, "ps", "-a", "--format", "{{.Names}} {{.Component}}")...); out != "later b.wasm\nguest a.wasm" {
		t.Errorf("ps -a shows %q", out)
	}
	if out := must(t, append(wasm, "ps", "-l", "-q", "--no-trunc", "--filter", "name=guest")...); out != id {
		t.Errorf("ps -lq shows %q, not %q", out, id)
	}
	// The names count after the native container is left out.
	if out := must(t, append(wasm, "ps", "-n", "2", "--format", "{{.Names}}")...); out != "later\nguest" {
		t.Errorf("ps -n 2 shows %q", out)
	}
	if out := must(t, append(wasm, "ps")...); !strings.HasPrefix(out, "CONTAINER ID") || !strings.Contains(out, id[:12]) || strings.Contains(out, "native") {
		t.Errorf("ps shows\n%s", out)
	}

	digest := must(t, "crane", "digest", two)
	if out := must(t, append(wasm, "images", "-q", "--no-trunc", two)...); out != digest {
		t.Errorf("images -q shows %q, not %q", out, digest)
	}
	out := must(t, append(wasm, "images", "--format", "{{.Name}} {{.Count}} {{.WASI}} {{.SizeBytes}} {{.UniqueSizeBytes}}")...)
	if strings.Contains(out, "busybox") || strings.Count(out, "\n") != 1 {
		t.Fatalf("images shows\n%s", out)
	}
	for _, line := range strings.Split(out, "\n") {
		var name, wasi string
		var count, size, unique int
		if _, err := fmt.Sscan(line, &name, &count, &wasi, &size, &unique); err != nil {
			t.Fatal(err)
		}
		// The probe is the component of one and the component a of the other.
		shared := len(guest(t, "probe.component"))
		if wasi != "0.2" || name == two && (count != 2 || size-unique != shared) || name != two && (count != 1 || size-unique != shared) {
			t.Errorf("images shows %q; they share %d bytes", line, shared)
		}
	}
	if out := must(t, append(wasm, "images")...); !strings.HasPrefix(out, "REPOSITORY") || !strings.Contains(out, "a.wasm, b.wasm") {
		t.Errorf("images shows\n%s", out)
	}
}

// TestVerbsOfNerdctl: given a verb that is as good for Wasm as for anything
// else, it reaches nerdctl with its flags and global flags, and its exit code
// comes back.
func TestVerbsOfNerdctl(t *testing.T) {
	ref, name := probe(t, "component"), unique("verbs")
	must(t, "nerdctl", "wasm", "run", "-q", "-d", "--net", "none", "--name", name, "--label", "who=test", ref, "sleep", "300")
	defer try(t, "nerdctl", "rm", "-f", name)
	for _, args := range [][]string{
		{"wasm", "pause", name},
		{"wasm", "unpause", name},
		{"wasm", "stop", "-t", "5", name},
		{"--debug", "wasm", "start", name},
		{"wasm", "exec", name, "guest", "echo", "x"},
		{"wasm", "kill", "-s", "KILL", name},
		{"wasm", "container", "inspect", name},
		{"wasm", "container", "run", "--rm", "--net", "none", ref, "args"},
		{"wasm", "image", "pull", "-q", ref},
		{"wasm", "image", "history", ref},
	} {
		must(t, append([]string{"nerdctl"}, args...)...)
	}
	for _, args := range [][]string{{"container", "ls", "-a"}, {"container", "ps", "-a"}, {"image", "ls"}} {
		if out := must(t, append([]string{"nerdctl", "wasm"}, args...)...); !strings.Contains(out, "WASI") {
			t.Errorf("%s shows %s", args, out)
		}
	}
	if out := must(t, "nerdctl-wasm", "--namespace", "default", "wait", name); out != "137" {
		t.Errorf("wait says %q", out)
	}
	must(t, "nerdctl", "wasm", "tag", ref, "local/tagged:1")
	defer try(t, "nerdctl", "rmi", "local/tagged:1")
	if out := must(t, "nerdctl", "wasm", "run", "--rm", "--pull", "never", "--net", "none", "local/tagged:1", "echo", "x"); out != "x" {
		t.Errorf("the tagged one prints %q", out)
	}
	must(t, "nerdctl", "wasm", "rm", "-f", name)
	must(t, "nerdctl", "wasm", "rmi", "local/tagged:1")
	if got, want := try(t, "nerdctl", "wasm", "stop", "nothing"), try(t, "nerdctl", "stop", "nothing"); got.code != want.code || got.code == 0 {
		t.Errorf("exit code %d, not %d", got.code, want.code)
	}
	fails(t, []string{"checkpoint: "}, "nerdctl", "wasm", "checkpoint", "create", name, "c")
}

// TestEveryVerbIsThought: given the commands of the real nerdctl, each is ours,
// passed on, or refused with a reason.
func TestEveryVerbIsThought(t *testing.T) {
	help := must(t, "nerdctl", "--help")
	verbs := 0
	for _, line := range strings.Split(help, "\n") {
		fields := strings.Fields(line)
		if !strings.HasPrefix(line, "  ") || strings.HasPrefix(line, "   ") || len(fields) < 2 || strings.HasPrefix(fields[0], "-") {
			continue
		}
		verb := strings.TrimSuffix(fields[0], ",")
		if verb == "help" || verb == "completion" || strings.HasPrefix(verb, "nerdctl") {
			continue
		}
		verbs++
		r := try(t, "nerdctl", "wasm", verb, "--help")
		unknown := strings.Contains(r.stdout, "Commands of nerdctl:") // the help of all
		if unknown || strings.Contains(r.all(), "unknown command") || r.code != 0 && !strings.Contains(r.stderr, verb+": ") {
			t.Errorf("%s: exit code %d: %s", verb, r.code, r.all())
		}
	}
	if verbs < 40 {
		t.Errorf("nerdctl has %d verbs?\n%s", verbs, help)
	}
}

// TestCompletion: given what a shell asks, there are answers for the command
// itself, its verbs, references and containers.
func TestCompletion(t *testing.T) {
	ref, name := probe(t, "component"), unique("completed")
	must(t, "nerdctl", "wasm", "create", "-q", "--net", "none", "--name", name, ref)
	defer try(t, "nerdctl", "rm", "-f", name)
	for asked, want := range map[string]string{
		"__complete w":                          "wasm\tWebAssembly artifacts",
		"__complete --namespace default wa":     "wasm\tWebAssembly artifacts",
		"__complete wasm im":                    "images\t",
		"__complete wasm sto":                   "stop\t",
		"__complete wasm run " + ref[:20]:       ref,
		"__complete wasm rm " + name[:12]:       name,
		"__complete rm " + name[:12]:            name,
		"__complete wasm cp " + ref[:20]:        ref + ":\n",
		"__complete wasm cp " + ref + ":":       ref + ":guest.wasm\n:0",
		"__complete wasm cp " + name[:12]:       name + ":\n:2",
		"__complete wasm cp f " + name[:12]:     name + ":\n:2",
		"__complete wasm cp " + name + ":/x ./": ":0",
		"__complete wasm cp ./":                 ":0",
	} {
		if out := must(t, append([]string{"nerdctl"}, strings.Fields(asked)...)...); !strings.Contains(out, want) {
			t.Errorf("%q is answered with\n%s\nwithout %q", asked, out, want)
		}
	}
	if out := must(t, "nerdctl", "__complete", "x"); strings.Contains(out, "wasm") {
		t.Errorf("x is completed to %q", out)
	}
}
