package e2e

import (
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
)

// pushing is a build of a new artifact that is pushed to these references.
func pushing(t *testing.T, builder string, refs ...string) (b build, component digest.Digest) {
	t.Helper()
	content := neverSeen(guest(t, "probe.component"))
	b = build{
		builder: builder,
		dir:     write(t, map[string]string{"probe.wasm": string(content), "Wasmfile": "FROM scratch\nCOMPONENT probe.wasm\n"}),
		flags:   []string{"--build-arg", "WASMFILE_PUSH=" + strings.Join(refs, ",")},
	}
	return b, digest.FromBytes(content)
}

// TestPushInsideTheBuild: given two names in a registry, a build without an
// output pushes the artifact under both by its digest, uploads no layer twice,
// and nothing at all when it is there.
func TestPushInsideTheBuild(t *testing.T) {
	f := newFront(t, "127.0.0.1:0", false)
	names := []string{"/e2e/" + unique("push-a") + ":1", "/e2e/" + unique("push-b") + ":2"}
	b, component := pushing(t, buildkitBuilder(), f.host()+names[0], f.host()+names[1])
	metadata := filepath.Join(t.TempDir(), "metadata.json")
	b.flags = append(b.flags, "--metadata-file", metadata)
	must(t, b.args()...)
	if n := f.count("PUT", component.Encoded()); n != 1 {
		t.Errorf("the component was uploaded %d times: %v", n, f.requests)
	}
	if n := f.count("POST", "mount=", component.Encoded()); n != 1 {
		t.Errorf("the component was mounted %d times: %v", n, f.requests)
	}

	f.forget()
	must(t, b.args()...)
	if n := f.count("POST") + f.count("PATCH") + f.count("PUT", "/blobs/"); n > 0 {
		t.Errorf("a second build uploads what is there: %v", f.requests)
	}

	layout := b.layout(t)
	want := layoutDigest(t, layout)
	var said struct {
		Digest     string `json:"frontend.wasmfile.digest"`
		References string `json:"frontend.wasmfile.references"`
	}
	content, err := os.ReadFile(metadata)
	if err != nil {
		t.Fatal(err)
	}
	var references []string
	if err := json.Unmarshal(content, &said); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(said.References), &references); err != nil || said.Digest != want {
		t.Errorf("the metadata file says %s, %v", content, err)
	}
	for i, name := range names {
		if got := must(t, "crane", "digest", registry()+name); got != want {
			t.Errorf("pushed %s, the layout has %s", got, want)
		}
		if references[i] != f.host()+name+"@"+want {
			t.Errorf("the metadata file names %s", references[i])
		}
	}
	if out := must(t, wasmRun(registry()+names[0], "args", "it", "runs")...); !strings.Contains(out, "runs") {
		t.Errorf("what was pushed prints %q", out)
	}
	try(t, "nerdctl", "rmi", "-f", registry()+names[0])
}

// TestPushCredentials: given a registry that wants a password, the push uses
// the one in the secret, and says what is wrong without, and nobody else gets
// it.
func TestPushCredentials(t *testing.T) {
	f := newFront(t, "127.0.0.1:0", false)
	f.password = "pass-phrase"
	b, _ := pushing(t, buildkitBuilder(), f.host()+"/e2e/"+unique("login")+":1")
	b.output = "type=cacheonly"
	config := func(content string) []string {
		file := filepath.Join(t.TempDir(), "config.json")
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return []string{"--secret", "id=WASMFILE_PUSH_CONFIG,src=" + file}
	}
	auths := func(password string) string {
		return `{"auths":{"` + f.host() + `":{"auth":"` + base64.StdEncoding.EncodeToString([]byte("ada:"+password)) + `"}}}`
	}
	for _, c := range []struct {
		name  string
		flags []string
		says  string // empty for success
	}{
		{"without", nil, "--secret id=WASMFILE_PUSH_CONFIG,src=$HOME/.docker/config.json"},
		{"a wrong one", config(auths("other-words")), "does not accept the credentials"},
		{"of another registry", config(strings.ReplaceAll(auths("pass-phrase"), f.host(), "registry.example")), "docker login " + f.host()},
		{"in a helper", config(`{"auths":{"` + f.host() + `":{}},"credsStore":"desktop"}`), "docker-credential-desktop, which cannot run inside of the builder"},
		{"something else", config(`pass-phrase`), "not a config.json of Docker"},
		{"the right one", config(auths("pass-phrase")), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			with := b
			with.flags = append(slices.Clone(b.flags), c.flags...)
			r := try(t, with.args()...)
			if (r.code == 0) != (c.says == "") || !strings.Contains(r.all(), c.says) {
				t.Errorf("exit code %d, and it must say %q:\n%s", r.code, c.says, r.all())
			}
			for _, private := range []string{"pass-phrase", "other-words", base64.StdEncoding.EncodeToString([]byte("ada:pass-phrase"))} {
				if strings.Contains(r.all(), private) {
					t.Errorf("the output shows %q:\n%s", private, r.all())
				}
			}
		})
	}
	t.Run("from the environment", func(t *testing.T) {
		with := b
		with.flags = append(slices.Clone(b.flags), "--secret", "id=WASMFILE_PUSH_CONFIG,env=LOGINS")
		r := command{args: with.args(), env: []string{"LOGINS=" + auths("pass-phrase")}}.run(t)
		if r.code != 0 {
			t.Errorf("exit code %d:\n%s", r.code, r.all())
		}
	})
	t.Run("a step that wants it", func(t *testing.T) {
		with := b
		with.dir = write(t, map[string]string{
			"greet.wasm": string(guest(t, "probe.component")),
			"Wasmfile": "ARG BUSYBOX_IMAGE\nFROM ${BUSYBOX_IMAGE} AS build\nCOPY greet.wasm /\n" +
				"RUN --mount=type=secret,id=WASMFILE_PUSH_CONFIG cp /run/secrets/WASMFILE_PUSH_CONFIG /taken\n" +
				"FROM scratch\nCOMPONENT --from=build /greet.wasm\nCOPY --from=build /taken /\n",
		})
		with.flags = append(slices.Clone(b.flags), config(auths("pass-phrase"))...)
		r := fails(t, []string{"for the push alone"}, with.args()...)
		if strings.Contains(r.all(), "[build ") {
			t.Errorf("a step ran:\n%s", r.all())
		}
	})
}

// TestPushOverPlainHTTP: given a registry without HTTPS that is not on this
// machine's loopback, the push speaks plain HTTP when the builder does, and
// sends credentials only when the user says so; from both builders.
func TestPushOverPlainHTTP(t *testing.T) {
	host := os.Getenv("PLAIN_REGISTRY")
	f := newFront(t, host, false)
	address, _, err := net.SplitHostPort(host)
	if err != nil {
		t.Fatal(err)
	}
	unknown := newFront(t, address+":0", false)
	logins := filepath.Join(t.TempDir(), "config.json")
	content := `{"auths":{"` + host + `":{"auth":"` + base64.StdEncoding.EncodeToString([]byte("ada:pass-phrase")) + `"}}}`
	if err := os.WriteFile(logins, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	secret := []string{"--secret", "id=WASMFILE_PUSH_CONFIG,src=" + logins}
	for _, builder := range []string{buildkitBuilder(), dockerBuilder} {
		name := "/e2e/" + unique("plain") + ":1"
		for _, c := range []struct {
			name, ref, password string
			flags               []string
			says                string // empty for success
		}{
			{"anonymous", host + name, "", nil, ""},
			{"with credentials", host + name, "pass-phrase", secret, "write http://" + host + name},
			{"with credentials, as the user says", "http://" + host + name, "pass-phrase", secret, ""},
			{"the builder does not", unknown.host() + name, "", nil, "buildkitd does not speak it with " + unknown.host()},
		} {
			t.Run(builder+" "+c.name, func(t *testing.T) {
				b, component := pushing(t, builder, c.ref)
				b.output, b.flags = "type=cacheonly", append(b.flags, c.flags...)
				f.password = c.password
				f.forget()
				r := try(t, b.args()...)
				if (r.code == 0) != (c.says == "") || !strings.Contains(r.all(), c.says) {
					t.Fatalf("exit code %d, and it must say %q:\n%s", r.code, c.says, r.all())
				}
				if n := f.count("PUT", component.Encoded()); (n == 1) != (c.says == "") {
					t.Errorf("the component was uploaded %d times: %v", n, f.requests)
				}
			})
		}
	}
}

// TestPushTrustsAnAuthority: given a registry with a certificate of a private
// authority, the push needs the authority's certificate.
func TestPushTrustsAnAuthority(t *testing.T) {
	f := newFront(t, "127.0.0.1:0", true)
	b, component := pushing(t, buildkitBuilder(), f.host()+"/e2e/"+unique("tls")+":1")
	b.output = "type=cacheonly"
	fails(t, []string{"--secret id=WASMFILE_PUSH_CA,src=ca.pem"}, b.args()...)
	authority := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(authority, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: f.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	b.flags = append(b.flags, "--secret", "id=WASMFILE_PUSH_CA,src="+authority)
	must(t, b.args()...)
	if n := f.count("PUT", component.Encoded()); n != 1 {
		t.Errorf("the component was uploaded %d times: %v", n, f.requests)
	}
}

// TestPushRefusals: given a push that cannot be, an error that says why, and
// nothing in the registry.
func TestPushRefusals(t *testing.T) {
	name := "/e2e/" + unique("refused")
	here, there := registry()+name+":1", "127.0.0.1:1"+name+":1"
	for _, c := range []struct {
		name, builder string
		refs, flags   []string
		says          []string
	}{
		{"this machine, from a container", dockerBuilder, []string{here}, nil, []string{"is the container itself", "--network=host"}},
		{"one of two is not there", buildkitBuilder(), []string{here, there}, nil, []string{there, "refused"}},
		{"no reference", buildkitBuilder(), []string{"UPPER"}, nil, []string{"WASMFILE_PUSH", `"UPPER"`}},
		{"an image", buildkitBuilder(), []string{here}, []string{"--platform", "wasip2/wasm"}, []string{"--push"}},
		{"an image exporter", buildkitBuilder(), []string{registry() + name + "-pushed:1"}, []string{"-o", "type=image,name=x"}, []string{"has-pushed", "cacheonly"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, _ := pushing(t, c.builder, c.refs...)
			b.flags = append(b.flags, c.flags...)
			fails(t, c.says, b.args()...)
		})
	}
	b, _ := pushing(t, buildkitBuilder(), here)
	b.flags = append(b.flags, "--check")
	must(t, b.args()...)
	if r := try(t, "crane", "digest", here); r.code == 0 {
		t.Errorf("it was pushed: %s", r.all())
	}
}

// TestPushFromNerdctl: given the plugin's own build, it pushes as buildx does.
func TestPushFromNerdctl(t *testing.T) {
	ref := registry() + "/e2e/" + unique("from-nerdctl") + ":1"
	layout := filepath.Join(t.TempDir(), "layout")
	must(t, "nerdctl", "wasm", "build", "--progress", "plain", "--build-arg", "WASMFILE_PUSH="+ref, "-o", "type=local,dest="+layout, example("greet"))
	if got, want := must(t, "crane", "digest", ref), layoutDigest(t, layout); got != want {
		t.Errorf("pushed %s, built %s", got, want)
	}
}
