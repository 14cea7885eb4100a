package wasmfile

import (
	"strings"
)

// splitLines cuts a text after each newline; joined, it is the same text.
func splitLines(text []byte) []string {
	return strings.SplitAfter(string(text), "\n")
}

func joinLines(lines []string) []byte {
	return []byte(strings.Join(lines, ""))
}

// lineEnd is how a line ends: "\r\n", "\n", or nothing at the end of a text.
func lineEnd(line string) string {
	return line[len(strings.TrimRight(line, "\r\n")):]
}

// byteOrderMark may begin a file; the parser ignores it.
const byteOrderMark = "\xef\xbb\xbf"

// replace puts an instruction of one or two parts in place of lines start to
// end. Two parts are joined by a continuation, so that the instruction still
// spans all of its lines.
func replace(lines []string, start, end int, escape rune, head, tail string) {
	if start == end {
		lines[start-1] = head + tail + lineEnd(lines[start-1])
		return
	}
	lines[start-1] = head + string(escape) + lineEnd(lines[start-1])
	for n := start + 1; n < end; n++ {
		if strings.TrimSpace(lines[n-1]) != "" {
			blank(lines, n, n)
		}
	}
	lines[end-1] = tail + lineEnd(lines[end-1])
}

// blank makes comments of lines start to end.
func blank(lines []string, start, end int) {
	for n := start; n <= end; n++ {
		lines[n-1] = "#" + lineEnd(lines[n-1])
	}
}
