package footprint

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// Given mappings of several kinds, only those of the file itself that are as
// in the file are found.
func TestReadUnchanged(t *testing.T) {
	const smaps = `00400000-00a00000 r-xp 00000000 08:01 1 /bin/shim
Rss:                6000 kB
Anonymous:             0 kB
VmFlags: rd ex
00a00000-00b00000 r--p 00600000 08:01 1 /bin/shim
Anonymous:             4 kB
00b00000-00c00000 r--p 00700000 08:01 1 /bin/shim
Anonymous:             0 kB
00c00000-00d00000 rw-p 00800000 08:01 1 /bin/shim
Anonymous:             0 kB
00d00000-00e00000 r--p 00700000 08:01 2 /lib/libc.so.6
Anonymous:             0 kB
c000000000-c000400000 rw-p 00000000 00:00 0
Anonymous:             0 kB
`
	got, err := readUnchanged(strings.NewReader(smaps), "/bin/shim")
	if want := []mapping{{0x400000, 0x600000}, {0xb00000, 0x100000}}; err != nil || !slices.Equal(got, want) {
		t.Errorf("found is %+v, %v", got, err)
	}
}

// A process is smaller after it, and goes on.
func TestTrim(t *testing.T) {
	before := resident(t)
	if err := Trim(); err != nil {
		t.Fatal(err)
	}
	if after := resident(t); after >= before {
		t.Errorf("%d pages of files are mapped, %d before", after, before)
	}
}

// resident is how many pages of files the process has mapped.
func resident(t *testing.T) (pages int) {
	t.Helper()
	content, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(content))
	for _, digit := range fields[2] {
		pages = pages*10 + int(digit-'0')
	}
	return pages
}
