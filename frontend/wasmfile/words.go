package wasmfile

import (
	"encoding/json"
	"errors"
	"strings"
	"unicode"
)

// flag is one --name=value before an instruction's arguments.
type flag struct {
	// raw is the flag as written, quotes and all.
	raw string
	// name is without the dashes, value is unquoted.
	name, value string
}

// splitInstruction cuts an instruction into its keyword and the rest.
func splitInstruction(line string) (keyword, rest string) {
	line = strings.TrimSpace(line)
	if i := strings.IndexFunc(line, unicode.IsSpace); i >= 0 {
		return line[:i], strings.TrimSpace(line[i:])
	}
	return line, ""
}

// splitFlags cuts off the leading words that begin with two dashes, by the
// rules of a Dockerfile: a flag may be quoted in part and "--" ends them.
func splitFlags(rest string, escape rune) (flags []flag, arguments string) {
	for strings.HasPrefix(rest, "--") {
		raw, value := cutWord(rest, escape)
		rest = strings.TrimSpace(rest[len(raw):])
		if value == "--" {
			break
		}
		name, content, _ := strings.Cut(value[2:], "=")
		flags = append(flags, flag{raw: raw, name: name, value: content})
	}
	return flags, rest
}

// cutWord returns the first word of a text that begins with one: as written,
// and without quotes and escapes. White space inside of quotes is part of it.
func cutWord(text string, escape rune) (raw, unquoted string) {
	var b strings.Builder
	var quote rune
	escaped := false
	for i, r := range text {
		switch {
		case escaped:
			b.WriteRune(r)
			escaped = false
		case r == escape:
			escaped = true
		case quote != 0 && r == quote:
			quote = 0
		case quote == 0 && (r == '"' || r == '\''):
			quote = r
		case quote == 0 && unicode.IsSpace(r):
			return text[:i], b.String()
		default:
			b.WriteRune(r)
		}
	}
	return text, b.String()
}

// quotedWords cuts a text at white space that is not quoted and keeps the
// words as written.
func quotedWords(text string, escape rune) []string {
	var words []string
	for text = strings.TrimSpace(text); text != ""; text = strings.TrimSpace(text) {
		raw, _ := cutWord(text, escape)
		words = append(words, raw)
		text = text[len(raw):]
	}
	return words
}

// pathWords are the words of COPY's arguments: a JSON array of strings, or
// what is between white space. Quotes do not group there, as in a Dockerfile.
func pathWords(arguments string) []string {
	var words []string
	if strings.HasPrefix(arguments, "[") && json.Unmarshal([]byte(arguments), &words) == nil {
		return words
	}
	return strings.Fields(arguments)
}

// jsonWords is the JSON array of the words without its closing bracket and
// last word, and the rest: two parts between which a line can be broken.
func jsonWords(words []string, last string) (head, tail string, err error) {
	var b strings.Builder
	b.WriteString("[")
	var errs []error
	for _, w := range words {
		encoded, err := json.Marshal(w)
		errs = append(errs, err)
		b.Write(encoded)
		b.WriteString(", ")
	}
	encoded, err := json.Marshal(last)
	return b.String(), string(encoded) + "]", errors.Join(append(errs, err)...)
}

// likeCase writes a keyword in the case of another: the linter wants the
// instructions of a file to be written alike.
func likeCase(keyword, model string) string {
	switch model {
	case strings.ToUpper(model):
		return strings.ToUpper(keyword)
	case strings.ToLower(model):
		return strings.ToLower(keyword)
	}
	return strings.ToUpper(keyword[:1]) + strings.ToLower(keyword[1:])
}
