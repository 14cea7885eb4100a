package command

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/containerd/nerdctl/v2/pkg/config"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/spf13/pflag"

	"github.com/wasmfile/wasmfile/nerdctlplugin/containers"
)

func parse(t *testing.T, args ...string) (containers.RunOptions, []string, error) {
	t.Helper()
	var r runFlags
	flags := pflag.NewFlagSet("run", pflag.ContinueOnError)
	r.bind(flags)
	if err := flags.Parse(args); err != nil {
		t.Fatal(err)
	}
	c := config.New()
	c.Address, c.DNS = "/run/some.sock", []string{"192.0.2.53"}
	o, err := r.options(flags, &globals{config: c})
	return o, flags.Args(), err
}

func TestRunFlagsBecomeOptions(t *testing.T) {
	o, rest, err := parse(t, "-d", "-t", "-i", "-e", "A=1", "-e", "B", "--env-file", "f", "-v", "/a:/b:ro",
		"--mount", "type=tmpfs,target=/t", "-p", "8080:80", "--name", "n", "-w", "/w", "--entrypoint", "e",
		"--net", "none", "--memory", "64m", "--cpus", "1.5", "--annotation", "k=v", "-q", "--dns", "192.0.2.1",
		"--device", "/dev/null", "--device", "vendor.example/class=name", "--oom-score-adj", "5",
		"ref", "-x", "--rm")
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(rest, []string{"ref", "-x", "--rm"}) {
		t.Errorf("the guest gets %v", rest)
	}
	c := o.Create
	for _, check := range []struct {
		name      string
		got, want any
	}{
		{"detach", c.Detach, true},
		{"tty", c.TTY, true},
		{"interactive", c.Interactive, true},
		{"rm", c.Rm, false},
		{"env", c.Env, []string{"A=1", "B"}},
		{"env-file", c.EnvFile, []string{"f"}},
		{"volume", c.Volume, []string{"/a:/b:ro"}},
		{"mount", c.Mount, []string{"type=tmpfs,target=/t"}},
		{"name", c.Name, "n"},
		{"workdir", c.Workdir, "/w"},
		{"entrypoint", c.Entrypoint, []string{"e"}},
		{"entrypoint given", c.EntrypointChanged, true},
		{"memory", c.Memory, "64m"},
		{"cpus", c.CPUs, 1.5},
		{"annotation", c.Annotations, []string{"k=v"}},
		{"device", c.Device, []string{"/dev/null"}},
		{"CDI device", c.CDIDevices, []string{"vendor.example/class=name"}},
		{"oom-score-adj given", c.OomScoreAdjChanged, true},
		{"swappiness given", c.MemorySwappiness64Changed, false},
		{"runtime", c.Runtime, "io.containerd.wasmfile.v1"},
		{"pull", c.Pull, "missing"},
		{"in run", c.InRun, true},
		{"networks", o.Network.NetworkSlice, []string{"none"}},
		{"DNS", o.Network.DNSServers, []string{"192.0.2.1"}},
		{"ports", len(o.Network.PortMappings), 1},
		{"quiet", o.Quiet, true},
	} {
		if !reflect.DeepEqual(check.got, check.want) {
			t.Errorf("%s is %v, not %v", check.name, check.got, check.want)
		}
	}
	if !filepath.IsAbs(c.NerdctlCmd) || !slices.Contains(c.NerdctlArgs, "--address=/run/some.sock") {
		t.Errorf("hooks run %s %v", c.NerdctlCmd, c.NerdctlArgs)
	}
}

func TestRunDefaultsAreNerdctls(t *testing.T) {
	o, _, err := parse(t, "ref")
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(o.Network.NetworkSlice, []string{"bridge"}) || !slices.Equal(o.Network.DNSServers, []string{"192.0.2.53"}) {
		t.Errorf("network %v, DNS %v", o.Network.NetworkSlice, o.Network.DNSServers)
	}
	c := o.Create
	if c.Restart != "no" || c.StopSignal != "SIGTERM" || !c.SigProxy || c.LogDriver != "json-file" || c.PidsLimit != -1 || c.EntrypointChanged {
		t.Errorf("%+v", c)
	}
}

func TestRunRefuses(t *testing.T) {
	for flags, says := range map[string]string{
		"-d --rm":                             "together",
		"-d -a stdout":                        "together",
		"-a elsewhere":                        "STDIN, STDOUT and STDERR",
		"--pull sometimes":                    "always, missing or never",
		"--init":                              "no processes",
		"--health-cmd x --no-healthcheck":     "together",
		"--health-cmd x --health-timeout -3s": "negative",
		"--rootfs":                            "-v",
		"--systemd always":                    "not WebAssembly",
		"--userns me":                         "host",
		"--mac-address zz":                    "--mac-address",
		"--dns nowhere":                       "--dns",
		"-p 99999999:1":                       "--publish 99999999:1",
		"--privileged --userns remap2":        "host",
	} {
		if _, _, err := parse(t, append(strings.Fields(flags), "ref")...); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: the error is %v; it has to say %q", flags, err, says)
		}
	}
	if _, _, err := parse(t, "--init=false", "--systemd=false", "ref"); err != nil {
		t.Errorf("what is off is refused: %v", err)
	}
}

func TestGlobalsAreDefaultsFileEnvironmentFlags(t *testing.T) {
	file := filepath.Join(t.TempDir(), "nerdctl.toml")
	if err := os.WriteFile(file, []byte("address = \"/file.sock\"\nnamespace = \"file\"\nsnapshotter = \"file\"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	environment := map[string]string{"NERDCTL_TOML": file, "CONTAINERD_NAMESPACE": "env", "CONTAINERD_SNAPSHOTTER": "env"}
	lookup := func(name string) (string, bool) { v, ok := environment[name]; return v, ok }
	g, err := loadGlobals(lookup)
	if err != nil {
		t.Fatal(err)
	}
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	g.bind(flags, flags)
	if err := flags.Parse([]string{"--snapshotter", "flag"}); err != nil {
		t.Fatal(err)
	}
	if c := g.config; c.Address != "/file.sock" || c.Namespace != "env" || c.Snapshotter != "flag" || c.CgroupManager != config.New().CgroupManager {
		t.Errorf("%+v", c)
	}
	for content, says := range map[string]string{"adress = \"/typo\"": "nerdctl's configuration", "=": "nerdctl's configuration"} {
		if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := loadGlobals(lookup); err == nil || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), file) {
			t.Errorf("%q: %v", content, err)
		}
	}
}

func TestExecute(t *testing.T) {
	t.Setenv("NERDCTL_TOML", filepath.Join(t.TempDir(), "none"))
	dataRoot := t.TempDir()
	for name, c := range map[string]struct {
		args []string
		code int
		says string
	}{
		"help":              {[]string{"--help"}, 0, "nerdctl wasm run"},
		"a verb's help":     {[]string{"run", "--help"}, 0, "nerdctl wasm run [flags] REF|FILE [ARG...]"},
		"version":           {[]string{"--data-root", dataRoot, "version"}, 0, "dev"},
		"an unknown verb":   {[]string{"frobnicate", "x"}, 1, "unknown command \"frobnicate\" for \"nerdctl wasm\"\n\nSee 'nerdctl wasm --help'\n"},
		"an unknown flag":   {[]string{"pull", "--frobnicate", "x"}, 1, "--frobnicate\n\nUsage:  nerdctl wasm pull [flags] REF\n\nSee 'nerdctl wasm pull --help'\n"},
		"too few arguments": {[]string{"--data-root", dataRoot, "pull"}, 1, "1 arg(s), received 0\n\nUsage:  nerdctl wasm pull [flags] REF\n"},
		"a bad namespace":   {[]string{"--data-root", dataRoot, "--namespace", "a/b", "pull", "x"}, 1, "namespace"},
		"a bad address":     {[]string{"--data-root", dataRoot, "--address", "tcp://x", "pull", "x"}, 1, "unix://"},
		"no daemon":         {[]string{"--data-root", dataRoot, "--address", "/none.sock", "pull", "x"}, 1, "/none.sock"},
		"no build context":  {[]string{"--data-root", dataRoot, "build"}, 1, "or the URL of a repository\n\nUsage:  nerdctl wasm build "},
		"a context by pipe": {[]string{"--data-root", dataRoot, "build", "-"}, 1, "standard input: unpack it"},
		"no name to build":  {[]string{"--data-root", dataRoot, "build", "."}, 1, "-t NAME"},
	} {
		t.Run(name, func(t *testing.T) {
			var out strings.Builder
			if code := Execute("nerdctl wasm", c.args, &out, &out); code != c.code || !strings.Contains(out.String(), c.says) {
				t.Errorf("exit code %d, not %d; it has to say %q:\n%s", code, c.code, c.says, out.String())
			}
		})
	}
}

// Given an artifact whose publisher writes to terminals, an error that speaks of it
// does not.
func TestErrorsDoNotActOnTerminals(t *testing.T) {
	t.Setenv("NERDCTL_TOML", filepath.Join(t.TempDir(), "none"))
	dir := t.TempDir()
	manifest := `{"schemaVersion":2,"config":{"mediaType":"application/vnd.oci.empty.v1+json","digest":"` + digest.FromString("{}").String() + `","size":2},` +
		`"layers":[{"mediaType":"text/\u001b[2J","digest":"` + digest.FromString("x").String() + `","size":1}]}`
	files := map[string]string{
		"oci-layout": `{"imageLayoutVersion":"1.0.0"}`,
		"index.json": fmt.Sprintf(`{"schemaVersion":2,"manifests":[{"mediaType":%q,"digest":%q,"size":%d}]}`,
			ocispec.MediaTypeImageManifest, digest.FromString(manifest), len(manifest)),
		"blobs/sha256/" + digest.FromString(manifest).Encoded(): manifest,
	}
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(content), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	var out strings.Builder
	code := Execute("nerdctl wasm", []string{"--data-root", t.TempDir(), "inspect", "oci-layout://" + dir}, &out, &out)
	if code != 1 || strings.Contains(out.String(), "\x1b") || !strings.Contains(out.String(), `text/\x1b[2J`) {
		t.Errorf("exit code %d: %q", code, out.String())
	}
}
