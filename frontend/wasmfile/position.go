package wasmfile

import (
	"strings"
	"unicode/utf8"

	"github.com/moby/buildkit/frontend/dockerfile/parser"
)

// wordEnds are what a word of an instruction stands between.
const wordEnds = " \t\r\n\"'=,[]"

// Word is where a word of an instruction stands: its first place in the lines
// of location, comments left out. Lines count from 1; characters count from 0
// in each line, and the end is the one after the word. Where the word is not
// found, because a variable or a wildcard stands for it, it returns location.
func (f *File) Word(location []parser.Range, word string) []parser.Range {
	if word == "" {
		return location
	}
	for _, r := range location {
		for n := max(r.Start.Line, 1); n <= min(max(r.Start.Line, r.End.Line), len(f.lines)); n++ {
			line := f.lines[n-1]
			if strings.HasPrefix(strings.TrimSpace(line), "#") {
				continue
			}
			if at := wordIndex(line, word); at >= 0 {
				start := utf8.RuneCountInString(line[:at])
				return []parser.Range{{
					Start: parser.Position{Line: n, Character: start},
					End:   parser.Position{Line: n, Character: start + utf8.RuneCountInString(word)},
				}}
			}
		}
	}
	return location
}

// wordIndex is the index in a line of the word on its own, -1 when it is not
// there.
func wordIndex(line, word string) int {
	for from := 0; ; {
		i := strings.Index(line[from:], word)
		if i < 0 {
			return -1
		}
		start, end := from+i, from+i+len(word)
		if (start == 0 || strings.ContainsRune(wordEnds, rune(line[start-1]))) &&
			(end == len(line) || strings.ContainsRune(wordEnds, rune(line[end]))) {
			return start
		}
		from = start + 1
	}
}
