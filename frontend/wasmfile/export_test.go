package wasmfile

// WithoutForm is the text as BuildKit's parser is given it: without the `form`
// directive, at which it would stop looking for its own.
func WithoutForm(text []byte) []byte {
	return joinLines(readDirectives(splitLines(text)).lines)
}
