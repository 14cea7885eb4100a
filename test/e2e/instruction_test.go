package e2e

import (
	"strings"
	"testing"
)

// TestVolumeInstruction: given VOLUME, clients that know volumes give the guest
// a volume of its own there, which it can write to although the rest of its
// files are read-only, and which starts with the image's files.
func TestVolumeInstruction(t *testing.T) {
	ref := publishDir(t, "volume", write(t, map[string]string{
		"guest.wasm": string(guest(t, "probe.component")),
		"note":       "from the image",
		"Wasmfile":   "FROM scratch\nCOMPONENT guest.wasm\nCOPY note /data/\nVOLUME /data\n",
	}))
	for _, client := range clients {
		if client.name == "ctr" { // has no volumes
			continue
		}
		t.Run(client.name, func(t *testing.T) {
			client.pull(t, ref)
			flags := []string{"--read-only"}
			must(t, client.run(ref, flags, "write", "/data/new", "x")...)
			fails(t, []string{"/new"}, client.run(ref, flags, "write", "/new", "x")...)
			if out := must(t, client.run(ref, flags, "walk", "/data")...); out != "/data\n/data/note" {
				t.Errorf("a new container has\n%s", out)
			}
		})
	}
}

// TestHealthcheckInstruction: given HEALTHCHECK, the check fails in Docker,
// because nothing can be executed beside the component: what the rule says.
func TestHealthcheckInstruction(t *testing.T) {
	ref := publishDir(t, "healthcheck", write(t, map[string]string{
		"guest.wasm": string(guest(t, "probe.component")),
		"Wasmfile":   "FROM scratch\nCOMPONENT guest.wasm\nHEALTHCHECK --interval=1s --retries=1 CMD [\"/guest.wasm\", \"echo\"]\n",
	}))
	must(t, "docker", "pull", "-q", "--platform", platform(ref), ref)
	id := must(t, "docker", "run", "-d", "--runtime", runtimeName, "--platform", platform(ref), ref, "sleep", "60")
	defer try(t, "docker", "rm", "-f", id)
	eventually(t, commandTimeout/10, "the first check", func() bool {
		return strings.Contains(must(t, "docker", "inspect", "-f", "{{.State.Health.Status}} {{.State.Running}}", id), "unhealthy true")
	})
}
