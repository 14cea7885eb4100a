package wasmfile

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzWords: whatever follows a keyword, cutting it into flags and words loses
// and changes nothing, and COPY's arguments in JSON are the words again.
func FuzzWords(f *testing.F) {
	for _, rest := range []string{
		"--from=build --name=\"a b\" /out/*.wasm x",
		"--checksum=sha256:00 https://example.com/a.wasm",
		"-- --name", `--na\"me=x a`, `["a b", "c"]`, `["a"`, "k=v 'k 2'=\"v 2\" k3=a\\ b", "--", "--=", "\u00a0--a\u2028b",
	} {
		f.Add(rest, false)
		f.Add(rest, true)
	}
	f.Fuzz(func(t *testing.T, rest string, backtick bool) {
		escape := '\\'
		if backtick {
			escape = '`'
		}
		rest = strings.TrimSpace(rest)
		flags, arguments := splitFlags(rest, escape)
		if !strings.HasSuffix(rest, arguments) {
			t.Fatalf("arguments %q of %q", arguments, rest)
		}
		for _, flag := range flags {
			if !strings.Contains(rest, flag.raw) || strings.Contains(flag.name, "=") {
				t.Fatalf("flag %+v of %q", flag, rest)
			}
		}
		var left []string
		for _, word := range quotedWords(arguments, escape) {
			left = append(left, strings.Fields(word)...)
		}
		if !slices.Equal(left, strings.Fields(arguments)) {
			t.Fatalf("words %q of %q", left, arguments)
		}
		words := pathWords(arguments)
		head, tail, err := jsonWords(words, "/destination")
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		if err := json.Unmarshal([]byte(head+tail), &got); err != nil {
			t.Fatalf("%q: %v", head+tail, err)
		}
		if want := append(slices.Clone(words), "/destination"); utf8.ValidString(rest) && !slices.Equal(got, want) {
			t.Fatalf("%q became %q", want, got)
		}
		// parseComponent must find the same words, or say what is wrong.
		if c, err := parseComponent(rest, escape); err == nil && len(c.sources) == 0 {
			t.Fatalf("%q has no source", rest)
		}
		if words, err := parseAnnotation(rest, escape); err == nil && len(words) == 0 {
			t.Fatalf("%q has no annotation", rest)
		}
	})
}
