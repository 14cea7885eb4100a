package e2e

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// sshAgent starts an agent with one new key and returns its socket and the
// key's comment.
func sshAgent(t *testing.T) (socket, comment string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "agent") // a socket's path has to be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	socket = filepath.Join(dir, "agent")
	agent := exec.CommandContext(t.Context(), "ssh-agent", "-D", "-a", socket)
	stdout, err := agent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := agent.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = agent.Process.Kill(); _ = agent.Wait() })
	if _, err := bufio.NewReader(stdout).ReadString('\n'); err != nil { // it listens
		t.Fatal(err)
	}
	key := filepath.Join(dir, "key")
	comment = unique("key")
	must(t, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", key)
	if r := (command{args: []string{"ssh-add", "-q", key}, env: []string{"SSH_AUTH_SOCK=" + socket}}).run(t); r.code != 0 {
		t.Fatal(r.all())
	}
	return socket, comment
}

// TestSecrets: given a secret from a file and one from the environment, RUN
// sees them and the result has nothing of them.
func TestSecrets(t *testing.T) {
	token := "hush-" + unique("token")
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(token), 0o600); err != nil {
		t.Fatal(err)
	}
	dir := write(t, map[string]string{
		"app.wasm": greetWasm(t),
		"Wasmfile": "ARG BUSYBOX_IMAGE\nFROM ${BUSYBOX_IMAGE} AS build\n" +
			"RUN --mount=type=secret,id=token,required=true --mount=type=secret,id=variable,env=VARIABLE,required=true \\\n" +
			"    cat /run/secrets/token | sha256sum > /sums && echo -n $VARIABLE | sha256sum >> /sums\n" +
			"FROM scratch\nCOMPONENT app.wasm\nCOPY --from=build /sums /\n",
	})
	for _, builder := range []string{dockerBuilder, buildkitBuilder()} {
		layout := build{
			builder: builder, dir: dir, env: []string{"FROM_ENV=" + token},
			flags: []string{"--no-cache", "--secret", "id=token,src=" + file, "--secret", "id=variable,env=FROM_ENV"},
		}.layout(t)
		sums := strings.Fields(unpacked(t, layout).files["sums"].text)
		if len(sums) != 4 || sums[0] != fileSum(t, file) || sums[2] != sums[0] {
			t.Errorf("%s: RUN saw %q", builder, sums)
		}
		if r := try(t, "grep", "-r", token, layout); r.code != 1 {
			t.Errorf("%s: the secret is in the result: %s", builder, r.all())
		}
	}
	fails(t, []string{"Wasmfile:3", "token"}, build{dir: dir, output: "type=local,dest=" + t.TempDir(), flags: []string{"--no-cache"}}.args()...)
}

// TestSSH: given an agent of the client, RUN reaches it by SSH_AUTH_SOCK, and it
// answers with its key.
func TestSSH(t *testing.T) {
	socket, comment := sshAgent(t)
	dir := write(t, map[string]string{
		"app.wasm": greetWasm(t),
		"Wasmfile": "ARG BUSYBOX_IMAGE\nFROM ${BUSYBOX_IMAGE} AS build\n" +
			"RUN --mount=type=ssh,required=true --mount=type=bind,source=sshkeys,target=/sshkeys /sshkeys > /answer\n" +
			"FROM scratch\nCOMPONENT app.wasm\nCOPY --from=build /answer /\n",
	})
	compile := command{args: []string{"go", "build", "-o", filepath.Join(dir, "sshkeys"), "./cmd/sshkeys"}, env: []string{"CGO_ENABLED=0"}}
	if r := compile.run(t); r.code != 0 {
		t.Fatal(r.all())
	}
	for _, builder := range []string{dockerBuilder, buildkitBuilder()} {
		layout := build{builder: builder, dir: dir, flags: []string{"--no-cache", "--ssh", "default=" + socket}}.layout(t)
		if answer := unpacked(t, layout).files["answer"].text; !strings.Contains(answer, comment) {
			t.Errorf("%s: the agent with the key %s answers %s", builder, comment, answer)
		}
	}
}
