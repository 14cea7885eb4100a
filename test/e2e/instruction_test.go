package e2e

import (
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
