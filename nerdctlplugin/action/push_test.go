package action

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/containerd/nerdctl/v2/pkg/api/types"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/wasmfile/wasmfile/pkg/artifact"
	"github.com/wasmfile/wasmfile/pkg/wasm"
)

// TestMain gives the tests a configuration of Docker that is empty: the package
// that reads it looks for its place only once.
func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "docker-config-")
	if err != nil {
		panic(err)
	}
	if err := os.Setenv("DOCKER_CONFIG", dir); err != nil {
		panic(err)
	}
	code := m.Run()
	if err := os.RemoveAll(dir); err != nil {
		panic(err)
	}
	os.Exit(code)
}

// server is a registry in memory that speaks as much of the distribution spec
// as a push needs, over real HTTP.
type server struct {
	*httptest.Server
	mu        sync.Mutex
	blobs     map[string][]byte
	manifests map[string][]byte
	uploads   int
	password  string // of the user "user"; empty for no authentication
}

func newServer(t *testing.T) *server {
	t.Helper()
	s := &server{blobs: make(map[string][]byte), manifests: make(map[string][]byte)}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *server) host() string { return s.Listener.Addr().String() }

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, password, _ := r.BasicAuth(); password != s.password {
		w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	last := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
	switch {
	case r.Method == http.MethodPost:
		s.uploads++
		w.Header().Set("Location", r.URL.Path+"upload")
		w.WriteHeader(http.StatusAccepted)
	case r.Method == http.MethodPut:
		content, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		d := digest.FromBytes(content)
		if strings.Contains(r.URL.Path, "/manifests/") {
			s.manifests[last], s.manifests[d.String()] = content, content
		} else if wanted := r.URL.Query().Get("digest"); wanted != d.String() {
			http.Error(w, `{"errors":[{"code":"DIGEST_INVALID"}]}`, http.StatusBadRequest)
			return
		} else {
			s.blobs[wanted] = content
		}
		w.Header().Set("Docker-Content-Digest", d.String())
		w.WriteHeader(http.StatusCreated)
	case s.blobs[last] != nil && strings.Contains(r.URL.Path, "/blobs/"):
		_, _ = w.Write(s.blobs[last])
	case s.manifests[last] != nil && strings.Contains(r.URL.Path, "/manifests/"):
		w.Header().Set("Content-Type", ocispec.MediaTypeImageManifest)
		w.Header().Set("Docker-Content-Digest", digest.FromBytes(s.manifests[last]).String())
		_, _ = w.Write(s.manifests[last])
	default:
		http.NotFound(w, r)
	}
}

func writeLayout(t *testing.T, content string) (dir string, manifest ocispec.Descriptor) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "empty.wasm")
	if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	manifest, err := artifact.WriteLayout(dir, artifact.Source{Components: []artifact.Component{
		{Name: "empty.wasm", Path: file, Info: &wasm.Info{Kind: wasm.KindModule}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	return dir, manifest
}

const emptyModule = "\x00asm\x01\x00\x00\x00"

func TestPushKeepsTheDigest(t *testing.T) {
	s := newServer(t)
	dir, manifest := writeLayout(t, emptyModule)
	var out bytes.Buffer
	push := func(ref string) {
		t.Helper()
		out.Reset()
		if err := Push(context.Background(), dir, s.host()+ref, PushOptions{Quiet: true, Stdout: &out, Stderr: io.Discard}); err != nil {
			t.Fatal(err)
		}
	}
	push("/some/name:tag")
	if got := digest.FromBytes(s.manifests["tag"]); got != manifest.Digest {
		t.Errorf("the registry has %s, the layout %s", got, manifest.Digest)
	}
	if string(s.blobs[digest.FromString(emptyModule).String()]) != emptyModule {
		t.Error("the registry does not have the component")
	}
	if want := s.host() + "/some/name:tag@" + manifest.Digest.String() + "\n"; out.String() != want {
		t.Errorf("it says %q, not %q", out.String(), want)
	}
	uploads := s.uploads
	push("/some/name:again")
	if s.uploads != uploads {
		t.Errorf("blobs that were there were uploaded again: %d times", s.uploads-uploads)
	}
}

func TestPushRefuses(t *testing.T) {
	good, _ := writeLayout(t, emptyModule)
	cut, _ := writeLayout(t, emptyModule[:6])
	changed, _ := writeLayout(t, emptyModule)
	blob := filepath.Join(changed, "blobs", "sha256", digest.FromString(emptyModule).Encoded())
	if err := os.WriteFile(blob, []byte("\x00asm\x01\x00\x00\x01"), 0o644); err != nil {
		t.Fatal(err)
	}
	open, locked := newServer(t), newServer(t)
	locked.password = "secret"
	cases := map[string]struct {
		source, ref string
		says        string
	}{
		"no name":             {good, "", "say where to push it"},
		"a bad name":          {good, "UPPER/Case", "registry.example/name:tag"},
		"a cut component":     {cut, open.host() + "/x", "empty.wasm"},
		"a changed component": {changed, open.host() + "/x", "digest mismatch"},
		"no password":         {good, locked.host() + "/x", "nerdctl login " + locked.host()},
		"no file":             {"./no-such-layout", open.host() + "/x", "no such file"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			err := Push(context.Background(), c.source, c.ref, PushOptions{Quiet: true, Stdout: io.Discard, Stderr: io.Discard})
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("the error is %v; it has to say %q", err, c.says)
			}
		})
	}
	if open.uploads > 0 {
		t.Error("something bad was uploaded")
	}
}

func TestNoDaemon(t *testing.T) {
	global := types.GlobalCommandOptions{Address: filepath.Join(t.TempDir(), "none.sock"), Namespace: "default"}
	for name, err := range map[string]error{
		"pull": Pull(context.Background(), "registry.example/x", PullOptions{Global: global}),
		"push": Push(context.Background(), "registry.example/x", "", PushOptions{Global: global}),
		"run":  Run(context.Background(), []string{"x"}, RunOptions{Create: types.ContainerCreateOptions{GOptions: global}}),
	} {
		var advice *AdviceError
		if !errors.As(err, &advice) || !strings.Contains(err.Error(), "none.sock") || !strings.Contains(advice.Advice, "start it") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPushLogsInAsNerdctlDoes(t *testing.T) {
	s := newServer(t)
	s.password = "secret"
	auth := base64.StdEncoding.EncodeToString([]byte("user:" + s.password))
	content := fmt.Sprintf(`{"auths":{%q:{"auth":%q}}}`, s.host(), auth)
	file := filepath.Join(os.Getenv("DOCKER_CONFIG"), "config.json")
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	defer os.Remove(file)
	dir, manifest := writeLayout(t, emptyModule)
	if err := Push(context.Background(), dir, s.host()+"/x:1", PushOptions{Quiet: true, Stdout: io.Discard, Stderr: io.Discard}); err != nil {
		t.Fatal(err)
	}
	if digest.FromBytes(s.manifests["1"]) != manifest.Digest {
		t.Error("it was not pushed")
	}
}
