package transfer

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/containerd/nerdctl/v2/pkg/api/types"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/wasmfile/wasmfile/nerdctlplugin/advice"
	"github.com/wasmfile/wasmfile/pkg/layouttest"
	"github.com/wasmfile/wasmfile/pkg/registrytest"
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

// startRegistry starts a registry that wants a password, if there is one.
func startRegistry(t *testing.T, password string) *registrytest.Server {
	t.Helper()
	s := registrytest.New(t)
	s.Password = password
	s.Start()
	return s
}

func writeLayout(t *testing.T, content string) (dir string, manifest ocispec.Descriptor) {
	t.Helper()
	dir = t.TempDir()
	return dir, layouttest.Write(t, dir, content)
}

func TestPushKeepsTheDigest(t *testing.T) {
	s := startRegistry(t, "")
	dir, manifest := writeLayout(t, layouttest.EmptyModule)
	var out bytes.Buffer
	push := func(ref string) {
		t.Helper()
		out.Reset()
		if err := Push(context.Background(), dir, s.Host()+ref, PushOptions{Quiet: true, Stdout: &out, Stderr: io.Discard}); err != nil {
			t.Fatal(err)
		}
	}
	push("/some/name:tag")
	if got := digest.FromBytes(s.Manifests["some/name:tag"]); got != manifest.Digest {
		t.Errorf("the registry has %s, the layout %s", got, manifest.Digest)
	}
	if string(s.Blobs["some/name"][digest.FromString(layouttest.EmptyModule).String()]) != layouttest.EmptyModule {
		t.Error("the registry does not have the component")
	}
	if want := s.Host() + "/some/name:tag@" + manifest.Digest.String() + "\n"; out.String() != want {
		t.Errorf("it says %q, not %q", out.String(), want)
	}
	uploads := s.Uploads
	push("/some/name:again")
	if s.Uploads != uploads {
		t.Errorf("blobs that were there were uploaded again: %d times", s.Uploads-uploads)
	}
}

func TestPushRefuses(t *testing.T) {
	good, _ := writeLayout(t, layouttest.EmptyModule)
	cut, _ := writeLayout(t, layouttest.EmptyModule[:6])
	changed, _ := writeLayout(t, layouttest.EmptyModule)
	blob := filepath.Join(changed, "blobs", "sha256", digest.FromString(layouttest.EmptyModule).Encoded())
	if err := os.WriteFile(blob, []byte("\x00asm\x01\x00\x00\x01"), 0o644); err != nil {
		t.Fatal(err)
	}
	open, locked := startRegistry(t, ""), startRegistry(t, "secret")
	cases := map[string]struct {
		source, ref string
		says        string
	}{
		"no name":             {good, "", "say where to push it"},
		"a bad name":          {good, "UPPER/Case", "registry.example/name:tag"},
		"a cut component":     {cut, open.Host() + "/x", "empty.wasm"},
		"a changed component": {changed, open.Host() + "/x", "digest mismatch"},
		"no password":         {good, locked.Host() + "/x", "nerdctl login " + locked.Host()},
		"no file":             {"./no-such-layout", open.Host() + "/x", "no such file"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			err := Push(context.Background(), c.source, c.ref, PushOptions{Quiet: true, Stdout: io.Discard, Stderr: io.Discard})
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("the error is %v; it has to say %q", err, c.says)
			}
		})
	}
	if open.Uploads > 0 {
		t.Error("something bad was uploaded")
	}
}

func TestNoDaemon(t *testing.T) {
	global := types.GlobalCommandOptions{Address: filepath.Join(t.TempDir(), "none.sock"), Namespace: "default"}
	for name, err := range map[string]error{
		"pull": Pull(context.Background(), "registry.example/x", PullOptions{Global: global}),
		"push": Push(context.Background(), "registry.example/x", "", PushOptions{Global: global}),
	} {
		var told *advice.Error
		if !errors.As(err, &told) || !strings.Contains(err.Error(), "none.sock") || !strings.Contains(told.Advice, "start it") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPushLogsInAsNerdctlDoes(t *testing.T) {
	s := startRegistry(t, "secret")
	auth := base64.StdEncoding.EncodeToString([]byte(registrytest.User + ":" + s.Password))
	content := fmt.Sprintf(`{"auths":{%q:{"auth":%q}}}`, s.Host(), auth)
	file := filepath.Join(os.Getenv("DOCKER_CONFIG"), "config.json")
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	defer os.Remove(file)
	dir, manifest := writeLayout(t, layouttest.EmptyModule)
	if err := Push(context.Background(), dir, s.Host()+"/x:1", PushOptions{Quiet: true, Stdout: io.Discard, Stderr: io.Discard}); err != nil {
		t.Fatal(err)
	}
	if digest.FromBytes(s.Manifests["x:1"]) != manifest.Digest {
		t.Error("it was not pushed")
	}
}
