package printable_test

import (
	"testing"
	"unicode/utf8"

	"github.com/wasmfile/wasmfile/pkg/printable"
)

func TestText(t *testing.T) {
	for text, want := range map[string]string{
		"":                             "",
		"plain, größer, 字, \U0001F600": "plain, größer, 字, \U0001F600",
		"two\n\tlines":                 "two\n\tlines",
		"\x1b]0;title\a":               `\x1b]0;title\a`,
		"over\rwritten":                `over\rwritten`,
		"\u009b31m":                    `\u009b31m`,
		"safe\u202egnp.exe":            `safe\u202egnp.exe`,
		"cut \xc3":                     `cut \xc3`,
		"a \uFFFD is what it is":       "a \uFFFD is what it is",
		"\x00'\x7f":                    `\x00'\x7f`,
	} {
		if got := printable.Text(text); got != want {
			t.Errorf("%q becomes %q, not %q", text, got, want)
		}
	}
}

func TestLine(t *testing.T) {
	for text, want := range map[string]string{"": "", "a b": "a b", "a\nb": `"a\nb"`, "\x1b[2J": `"\x1b[2J"`, "a\u202eb": `"a\u202eb"`, "\x9b2J": `"\x9b2J"`} {
		if got := printable.Line(text); got != want {
			t.Errorf("%q becomes %q, not %q", text, got, want)
		}
	}
}

// Whatever the text, what is shown is UTF-8 and nothing more to escape.
func FuzzText(f *testing.F) {
	f.Add("\x1b[2J\xff\u202e")
	f.Fuzz(func(t *testing.T, text string) {
		got := printable.Text(text)
		if !utf8.ValidString(got) || printable.Text(got) != got {
			t.Errorf("%q becomes %q", text, got)
		}
	})
}
