package push

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/wasmfile/wasmfile/pkg/layouttest"
	"github.com/wasmfile/wasmfile/pkg/registrytest"
)

// step is the directories of a push of an artifact with one component.
func step(t *testing.T) (Dirs, ocispec.Descriptor) {
	t.Helper()
	dir := t.TempDir()
	dirs := Dirs{
		Layout: filepath.Join(dir, "layout"), Attestations: filepath.Join(dir, "attestations"), Spec: dir, Output: dir,
		Config: filepath.Join(dir, "config.json"), CA: filepath.Join(dir, "ca.pem"),
	}
	return dirs, layouttest.Write(t, dirs.Layout, layouttest.EmptyModule)
}

func write(t *testing.T, file, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// run runs the step for these references.
func run(t *testing.T, dirs Dirs, spec Spec, refs ...string) (Result, string) {
	t.Helper()
	var err error
	if spec.Targets, err = ParseTargets(strings.Join(refs, ",")); err != nil {
		t.Fatal(err)
	}
	encoded, err := json.Marshal(spec)
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dirs.Spec, SpecFile), string(encoded))
	var log bytes.Buffer
	if err := Run(t.Context(), dirs, &log); err != nil {
		t.Fatal(err)
	}
	encoded, err = os.ReadFile(filepath.Join(dirs.Output, ResultFile))
	if err != nil {
		t.Fatal(err)
	}
	result, err := ReadResult(encoded)
	if err != nil {
		t.Fatal(err)
	}
	return result, log.String()
}

func config(host, password string) string {
	return fmt.Sprintf(`{"auths":{%q:{"auth":%q}}}`, host, base64.StdEncoding.EncodeToString([]byte(registrytest.User+":"+password)))
}

// TestPushesOnce: given two repositories of a registry, every blob is uploaded
// to one and mounted into the other, and a second push moves nothing.
func TestPushesOnce(t *testing.T) {
	s := registrytest.New(t)
	s.Start()
	dirs, manifest := step(t)
	write(t, filepath.Join(dirs.Attestations, "sbom.spdx.json"), `{"_type":"https://in-toto.io/Statement/v0.1","predicateType":"https://spdx.dev/Document","predicate":{"a":1}}`)
	a, b := s.Host()+"/some/a:1", s.Host()+"/b"
	result, log := run(t, dirs, Spec{Manifest: manifest}, a, b)
	if result.Problem != "" || len(result.References) != 2 || result.References[1] != b+":latest@"+manifest.Digest.String() {
		t.Fatalf("the result is %+v", result)
	}
	for _, name := range []string{"some/a:1", "b:latest"} {
		if got := digest.FromBytes(s.Manifests[name]); got != manifest.Digest {
			t.Errorf("%s is %s, not %s", name, got, manifest.Digest)
		}
	}
	// Component and config; statement and empty config.
	if s.Uploads != 4 || s.Mounts != 4 || !strings.Contains(log, "mounted") {
		t.Errorf("%d uploads, %d mounts:\n%s", s.Uploads, s.Mounts, log)
	}
	tag := strings.Replace(manifest.Digest.String(), ":", "-", 1)
	for _, repository := range []string{"some/a", "b"} {
		var index ocispec.Index
		if err := json.Unmarshal(s.Manifests[repository+":"+tag], &index); err != nil || len(index.Manifests) != 1 {
			t.Errorf("%s lists as referrers %s: %v", repository, s.Manifests[repository+":"+tag], err)
		}
	}
	if _, log := run(t, dirs, Spec{Manifest: manifest}, a, b); s.Uploads != 4 || s.Mounts != 4 {
		t.Errorf("again: %d uploads, %d mounts:\n%s", s.Uploads, s.Mounts, log)
	}
}

// TestListsBesideOthers: given another client that has read the list of referrers before
// this one's was in it, and writes it after that, the list has those of both.
func TestListsBesideOthers(t *testing.T) {
	dirs, manifest := step(t)
	write(t, filepath.Join(dirs.Attestations, "sbom.spdx.json"), `{"_type":"https://in-toto.io/Statement/v0.1","predicateType":"https://spdx.dev/Document","predicate":{"a":1}}`)
	others := ocispec.Descriptor{MediaType: ocispec.MediaTypeImageManifest, Digest: digest.FromString("others"), Size: 6}
	written, err := json.Marshal(ocispec.Index{MediaType: ocispec.MediaTypeImageIndex, Manifests: []ocispec.Descriptor{others}})
	if err != nil {
		t.Fatal(err)
	}
	tag := strings.Replace(manifest.Digest.String(), ":", "-", 1)
	s := registrytest.New(t)
	s.Overwrite = map[string][]byte{"x:" + tag: written}
	s.Start()
	if result, log := run(t, dirs, Spec{Manifest: manifest}, s.Host()+"/x:1"); result.Problem != "" || len(s.Overwrite) > 0 {
		t.Fatalf("%+v, not overwritten: %d\n%s", result, len(s.Overwrite), log)
	}
	var index ocispec.Index
	if err := json.Unmarshal(s.Manifests["x:"+tag], &index); err != nil {
		t.Fatal(err)
	}
	if len(index.Manifests) != 2 || index.Manifests[0].Digest != others.Digest {
		t.Errorf("the list has not those of both: %v", index.Manifests)
	}
}

// TestListIsRefused: given a registry with the referrers API that refuses to list them, what
// is pushed stays pushed, and the log says that it could not be seen in the list.
func TestListIsRefused(t *testing.T) {
	dirs, manifest := step(t)
	write(t, filepath.Join(dirs.Attestations, "sbom.spdx.json"), `{"_type":"https://in-toto.io/Statement/v0.1","predicateType":"https://spdx.dev/Document","predicate":{"a":1}}`)
	s := registrytest.New(t)
	s.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "/referrers/") {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		w.Header().Set("OCI-Subject", manifest.Digest.String())
		s.ServeHTTP(w, r)
	})
	s.Start()
	result, log := run(t, dirs, Spec{Manifest: manifest}, s.Host()+"/x:1")
	if result.Problem != "" || !strings.Contains(log, "does not list them") || !strings.Contains(log, "pushed "+s.Host()+"/x:1") {
		t.Errorf("%+v\n%s", result, log)
	}
}

// TestMountsFromOrigins: given that the component came from another repository
// of the registry, it is mounted from there, and uploaded where that is
// refused.
func TestMountsFromOrigins(t *testing.T) {
	for _, refuse := range []string{"", "lib/empty"} {
		s := registrytest.New(t)
		s.Start()
		s.Refuse = refuse
		s.Keep("lib/empty", digest.FromString(layouttest.EmptyModule).String(), []byte(layouttest.EmptyModule))
		dirs, manifest := step(t)
		result, log := run(t, dirs, Spec{Manifest: manifest, Origins: []string{"other.example/lib", s.Host() + "/lib/empty"}}, s.Host()+"/app:1")
		if mounted := s.Mounts == 1; result.Problem != "" || mounted != (refuse == "") {
			t.Errorf("refusing %q: %d mounts, %+v\n%s", refuse, s.Mounts, result, log)
		}
		if s.Blobs["app"][digest.FromString(layouttest.EmptyModule).String()] == nil {
			t.Errorf("refusing %q: the component is not there", refuse)
		}
	}
}

// TestCredentials: given a registry that wants a password, what is said for
// each content of the secret; never the password.
func TestCredentials(t *testing.T) {
	s := registrytest.New(t)
	s.Password = "pass-phrase"
	s.Start()
	for name, c := range map[string]struct {
		config string // empty for none
		says   string // empty for success
	}{
		"none":      {"", "--secret id=WASMFILE_PUSH_CONFIG,src=$HOME/.docker/config.json"},
		"wrong":     {config(s.Host(), "guess-work"), "does not accept the credentials"},
		"another's": {config("registry.example", "pass-phrase"), "no credentials for " + s.Host()},
		"helper":    {`{"credsStore":"desktop"}`, "docker-credential-desktop"},
		"its own":   {fmt.Sprintf(`{"credHelpers":{%q:"ecr-login"}}`, s.Host()), "docker-credential-ecr-login"},
		"no config": {"pass-phrase", "not a config.json of Docker"},
		"no base64": {fmt.Sprintf(`{"auths":{%q:{"auth":"pass-phrase"}}}`, s.Host()), "not a config.json of Docker"},
		"right":     {config(s.Host(), "pass-phrase"), ""},
		"with URL":  {config("http://"+s.Host()+"/v2/", "pass-phrase"), ""},
	} {
		t.Run(name, func(t *testing.T) {
			dirs, manifest := step(t)
			if c.config != "" {
				write(t, dirs.Config, c.config)
			}
			result, log := run(t, dirs, Spec{Manifest: manifest}, s.Host()+"/x:1")
			if (result.Problem == "") != (c.says == "") || !strings.Contains(result.Problem, c.says) {
				t.Errorf("the problem is %q; it has to say %q", result.Problem, c.says)
			}
			if text := result.Problem + log; strings.Contains(text, "pass-phrase") || strings.Contains(text, "guess-work") {
				t.Errorf("it shows the password: %s", text)
			}
		})
	}
}

// TestAuthority: given a registry with a certificate of its own authority.
func TestAuthority(t *testing.T) {
	s := registrytest.New(t)
	s.Config.ErrorLog = quiet
	s.StartTLS()
	dirs, manifest := step(t)
	target := s.Host() + "/x:1"
	if result, _ := run(t, dirs, Spec{Manifest: manifest, Registries: map[string]*Registry{s.Host(): {}}}, target); !strings.Contains(result.Problem, "id=WASMFILE_PUSH_CA") {
		t.Errorf("without: %+v", result)
	}
	write(t, dirs.CA, "no certificate")
	if result, _ := run(t, dirs, Spec{Manifest: manifest}, target); !strings.Contains(result.Problem, "no certificate in PEM") {
		t.Errorf("with something else: %+v", result)
	}
	write(t, dirs.CA, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})))
	if result, _ := run(t, dirs, Spec{Manifest: manifest}, target); result.Problem != "" {
		t.Errorf("with it: %+v", result)
	}
}

// TestBadAttestation: given a generator that writes no statement, nothing is
// pushed.
func TestBadAttestation(t *testing.T) {
	s := registrytest.New(t)
	s.Start()
	dirs, manifest := step(t)
	write(t, filepath.Join(dirs.Attestations, "sbom.spdx.json"), `{"spdxVersion":"SPDX-2.3"}`)
	result, _ := run(t, dirs, Spec{Manifest: manifest}, s.Host()+"/x:1")
	if !strings.Contains(result.Problem, "sbom.spdx.json") || len(s.Manifests) > 0 {
		t.Errorf("%+v, and the registry has %d manifests", result, len(s.Manifests))
	}
}

// TestNothingWithoutAll: given two registries of which one is not there,
// nothing goes to the other.
func TestNothingWithoutAll(t *testing.T) {
	s, gone := registrytest.New(t), registrytest.New(t)
	s.Start()
	gone.Close()
	dirs, manifest := step(t)
	result, _ := run(t, dirs, Spec{Manifest: manifest}, s.Host()+"/x:1", gone.Host()+"/x:1")
	if !strings.Contains(result.Problem, gone.Host()) || s.Uploads > 0 || len(result.References) > 0 {
		t.Errorf("%+v, %d uploads", result, s.Uploads)
	}
}

func TestRunNeedsASpec(t *testing.T) {
	if err := Run(t.Context(), Dirs{Spec: t.TempDir()}, io.Discard); err == nil {
		t.Error("it pushes nothing in particular")
	}
}
