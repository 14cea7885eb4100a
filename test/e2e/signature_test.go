package e2e

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// keyPair makes a key pair of cosign's and returns its files. Whatever cosign
// does in the test is without the public transparency log.
func keyPair(t *testing.T) (private, public string) {
	t.Helper()
	t.Setenv("COSIGN_PASSWORD", "")
	t.Setenv("COSIGN_TLOG_UPLOAD", "false")
	t.Setenv("COSIGN_INSECURE_IGNORE_TLOG", "true")
	prefix := filepath.Join(t.TempDir(), "key")
	must(t, "cosign", "generate-key-pair", "--output-key-prefix", prefix)
	return prefix + ".key", prefix + ".pub"
}

// copyOf is a reference of an artifact that no other test has.
func copyOf(t *testing.T, ref string) string {
	t.Helper()
	own := registry() + "/e2e/" + unique("signed") + ":latest"
	must(t, "crane", "copy", ref, own)
	return own
}

// signedWith signs what a reference names, and returns its digest.
func signedWith(t *testing.T, key, ref string) (digest string) {
	t.Helper()
	digest = must(t, "crane", "digest", ref)
	must(t, "cosign", "sign", "--key", key, "--yes", ref+"@"+digest)
	return digest
}

// TestVerifiedPull: given an artifact that was signed, pull and run take it with
// the right key, and with another key or without a signature they fail, and
// nothing is there.
func TestVerifiedPull(t *testing.T) {
	private, public := keyPair(t)
	_, other := keyPair(t)
	signed, unsigned := copyOf(t, publishGuest(t, "newest")), copyOf(t, publishGuest(t, "exit"))
	digest := signedWith(t, private, signed)
	for _, verb := range [][]string{{"pull"}, {"run", "--rm", "-q", "--net", "none"}} {
		namespace := unique("verify")
		defer removeNamespace(t, namespace)
		_, wasm := inNamespace(namespace)
		command := func(key, ref string) []string {
			return append(append(slices.Clone(wasm), verb...), "--verify=cosign", "--cosign-key", key, ref)
		}
		fails(t, []string{signed, "not verified"}, command(other, signed)...)
		fails(t, []string{unsigned, "not verified"}, command(public, unsigned)...)
		fails(t, []string{signed, "not verified"}, command(filepath.Join(t.TempDir(), "none.pub"), signed)...)
		nothingLeft(t, namespace)
		out := must(t, command(public, signed)...)
		if verb[0] == "pull" && out != signed+"@"+digest {
			t.Errorf("pulled is %s", out)
		}
	}
}

// TestVerifiedIsWhatIsPulled: given a tag that is moved while its signature is
// verified, what is pulled is what was verified.
func TestVerifiedIsWhatIsPulled(t *testing.T) {
	private, public := keyPair(t)
	ref := copyOf(t, publishTwo(t))
	signed := signedWith(t, private, ref)
	// A cosign that lets somebody move the tag when it is done.
	dir := t.TempDir()
	real := must(t, "sh", "-c", "command -v cosign")
	script := "#!/bin/sh\n" + real + " \"$@\" || exit\ncrane copy " + publishGuest(t, "exit") + " " + ref + " >&2\n"
	if err := os.WriteFile(filepath.Join(dir, "cosign"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	namespace := unique("verify")
	defer removeNamespace(t, namespace)
	_, wasm := inNamespace(namespace)
	flags := []string{"--verify=cosign", "--cosign-key", public, ref}
	if out := must(t, append(append(wasm, "pull"), flags...)...); out != ref+"@"+signed {
		t.Errorf("pulled is %s, signed was %s", out, signed)
	}
	if moved := must(t, "crane", "digest", ref); moved == signed {
		t.Fatal("the tag was not moved")
	}
}

// TestVerifiedIsWhatRuns: given an image of that name in containerd that is not
// the one which was verified, it does not run.
func TestVerifiedIsWhatRuns(t *testing.T) {
	private, public := keyPair(t)
	ref := copyOf(t, publishGuest(t, "exit"))
	namespace := unique("verify")
	defer removeNamespace(t, namespace)
	_, wasm := inNamespace(namespace)
	must(t, append(wasm, "pull", "-q", ref)...)
	must(t, "crane", "copy", publishGuest(t, "newest"), ref)
	signed := signedWith(t, private, ref)
	run := func(pull string) []string {
		return append(wasm, "run", "--rm", "-q", "--net", "none", "--pull", pull, "--verify=cosign", "--cosign-key", public, ref)
	}
	fails(t, []string{signed, "nerdctl wasm pull"}, run("never")...)
	must(t, run("missing")...) // The one that is there ends with 7, the verified one with 0.
	must(t, run("never")...)
	fails(t, []string{"no signature"}, append(wasm, "run", "--rm", "--verify=cosign", "--cosign-key", public, "./app.wasm")...)
}

// TestSignedPush: given --sign, what is pushed is signed, by its digest.
func TestSignedPush(t *testing.T) {
	private, public := keyPair(t)
	ref := publishTwo(t)
	must(t, "nerdctl", "wasm", "pull", "-q", ref)
	to := registry() + "/e2e/" + unique("signed") + ":latest"
	if out := must(t, "nerdctl", "wasm", "push", "-q", "--sign=cosign", "--cosign-key", private, ref, to); !strings.HasPrefix(out, to+"@sha256:") {
		t.Errorf("pushed is %s", out)
	}
	must(t, "cosign", "verify", "--key", public, to)
	fails(t, []string{"pushed, but not signed"}, "nerdctl", "wasm", "push", "-q", "--sign=cosign", "--cosign-key", filepath.Join(t.TempDir(), "none.key"), ref, to)
}
