package e2e

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestKilledCreate: given a create that is killed when it has taken its container's name and
// before there is the container, containerd removes the image of its file some time, and its
// name can be used, which it cannot as long as that create runs. What nerdctl has kept of it
// goes with that.
func TestKilledCreate(t *testing.T) {
	namespace := unique("killed")
	defer removeNamespace(t, namespace)
	dir := write(t, map[string]string{"guest.wasm": string(guest(t, "add"))})
	profile := filepath.Join(dir, "profile")
	if err := syscall.Mkfifo(profile, 0o600); err != nil {
		t.Fatal(err)
	}
	wasm := []string{"nerdctl", "--namespace", namespace, "wasm"}
	file := filepath.Join(dir, "guest.wasm")
	create := append(wasm, "create", "--net", "none", "--name", "one")
	// It waits for its profile, which it reads when all is ready for the container.
	waiting := append(create, "--security-opt", "seccomp="+profile, file)
	data := filepath.Join(os.Getenv("SANDBOX_DIR"), "data/nerdctl/*")
	states := func() []string {
		t.Helper()
		kept, err := filepath.Glob(filepath.Join(data, "containers", namespace, "*"))
		if err != nil {
			t.Fatal(err)
		}
		return kept
	}
	nameIsTaken := func() bool {
		taken, err := filepath.Glob(filepath.Join(data, "names", namespace, "*"))
		return err == nil && slices.ContainsFunc(taken, func(path string) bool { return filepath.Base(path) == "one" })
	}
	kill := func() {
		t.Helper()
		cmd, _ := begin(t, waiting...)
		eventually(t, 20*time.Second, "that the name is taken", nameIsTaken)
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait() // it was killed
	}
	kill()
	killed := states()
	if len(killed) != 1 {
		t.Errorf("what is left of a container is %q", killed)
	}
	if out := must(t, "ctr", "-n", namespace, "images", "ls"); strings.Count(out, "wasmfile.local/guest:") != 1 || !strings.Contains(out, "containerd.io/gc.expire=") {
		t.Errorf("the images are\n%s", out)
	}

	alive, said := begin(t, waiting...)
	var opened *os.File
	eventually(t, 20*time.Second, "that the second create has its name and waits, too", func() bool {
		var err error
		opened, err = os.OpenFile(profile, os.O_WRONLY|syscall.O_NONBLOCK, 0) // which fails when nobody reads
		return err == nil
	})
	other, refused := begin(t, append(create, file)...)
	eventually(t, 20*time.Second, "that the third create has its image", func() bool {
		return strings.Count(try(t, "ctr", "-n", namespace, "images", "ls", "-q").stdout, "wasmfile.local/") == 3
	})
	if _, err := opened.WriteString(`{"defaultAction": "SCMP_ACT_ALLOW"}`); err != nil {
		t.Fatal(err)
	}
	if err := opened.Close(); err != nil {
		t.Fatal(err)
	}
	if err := alive.Wait(); err != nil {
		t.Errorf("the second create: %v: %s", err, said)
	}
	if err := other.Wait(); err == nil || !strings.Contains(refused.String(), `name "one" is already used by ID`) {
		t.Errorf("the third create: %v: %s", err, refused)
	}
	if kept := states(); len(kept) != 1 || kept[0] == killed[0] {
		t.Errorf("beside a container there is %q", kept)
	}
	must(t, append(wasm, "rename", "one", "two")...)
	kill()
	must(t, append(wasm, "rename", "two", "one")...)
	must(t, append(wasm, "rm", "one")...)
	if nameIsTaken() {
		t.Error("a name is left")
	}
	if kept := states(); len(kept) != 0 {
		t.Errorf("%q is left", kept)
	}
}
