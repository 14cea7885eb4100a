package e2e

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestRegistryCredentials: given a registry that wants a password, pull and
// push use the one in Docker's configuration, and say what is wrong without.
func TestRegistryCredentials(t *testing.T) {
	ref := publish(t, "greet")
	f := newFront(t, "127.0.0.1:0", false)
	f.password = "secret"
	host, guarded := f.host(), f.ref(ref)
	defer try(t, "nerdctl", "rmi", "-f", guarded)

	config := filepath.Join(t.TempDir(), "config.json")
	with := func(auths string, args ...string) result {
		if err := os.WriteFile(config, []byte(`{"auths":{`+auths+`}}`), 0o600); err != nil {
			t.Fatal(err)
		}
		return command{args: args, env: []string{"DOCKER_CONFIG=" + filepath.Dir(config)}}.run(t)
	}
	pull := []string{"nerdctl", "--insecure-registry", "wasm", "pull", "-q", guarded}
	push := []string{"nerdctl", "--insecure-registry", "wasm", "push", guarded}
	credentials := func(password string) string {
		return `"` + host + `":{"auth":"` + base64.StdEncoding.EncodeToString([]byte("ada:"+password)) + `"}`
	}
	for _, c := range []struct {
		name, auths string
		args        []string
		ok          bool
	}{
		{"pull without", "", pull, false},
		{"pull with a wrong one", credentials("guess"), pull, false},
		{"pull", credentials("secret"), pull, true},
		{"push", credentials("secret"), push, true},
		{"push without", "", push, false},
	} {
		r := with(c.auths, c.args...)
		if (r.code == 0) != c.ok {
			t.Errorf("%s: exit code %d: %s", c.name, r.code, r.all())
		}
		if !c.ok && (!strings.Contains(r.all(), "login") || strings.Contains(r.all(), "secret")) {
			t.Errorf("%s: the message must say to log in: %s", c.name, r.all())
		}
	}
}
