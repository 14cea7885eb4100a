package layoutwriter

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
)

// TestCompressorsBytes: given a text, a compression makes these bytes of it, on
// every machine and however it is written. A new version of a compressor that
// makes others changes the digests of users' artifacts.
func TestCompressorsBytes(t *testing.T) {
	var b strings.Builder
	for i := range 20_000 { // what the levels compress differently
		b.WriteString(digest.FromString(fmt.Sprint(i % 977)).Encoded()[:i%60])
	}
	text := []byte(b.String())
	level := func(n int) *int { return &n }
	cases := []struct {
		compression Compression
		want        string // the first digits of the digest
	}{
		{Compression{}, "49dc84f8a7ca"},
		{Compression{Level: level(0)}, "e37ec2e15d62"},
		{Compression{Level: level(1)}, "61aedc9d5624"},
		{Compression{Level: level(9)}, "92abd874308c"},
		{Compression{Algorithm: Zstd}, "03ea3fd42b87"},
		{Compression{Algorithm: Zstd, Level: level(0)}, "7d219a31daac"},
		{Compression{Algorithm: Zstd, Level: level(7)}, "4d6b1e6c587e"},
		{Compression{Algorithm: Zstd, Level: level(22)}, "424e3e9f1c21"},
		{Compression{Algorithm: Uncompressed}, "0c928510428f"},
	}
	for _, c := range cases {
		name := string(c.compression.algorithm())
		if c.compression.Level != nil {
			name += fmt.Sprint(" ", *c.compression.Level)
		}
		t.Run(name, func(t *testing.T) {
			for _, chunk := range []int{len(text), 32 << 10, 1000} {
				if got := compressed(t, c.compression, text, chunk).Encoded()[:12]; got != c.want {
					t.Errorf("digest %s, not %s, when written %d bytes at a time", got, c.want, chunk)
				}
			}
		})
	}
}

func compressed(t *testing.T, c Compression, text []byte, chunk int) digest.Digest {
	t.Helper()
	var out bytes.Buffer
	w, err := c.writer(&out)
	if err != nil {
		t.Fatal(err)
	}
	for len(text) > 0 {
		n := min(chunk, len(text))
		if _, err := w.Write(text[:n]); err != nil {
			t.Fatal(err)
		}
		text = text[n:]
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return digest.FromBytes(out.Bytes())
}
