// Package wasmfile reads a Wasmfile, which is a Dockerfile with two more
// instructions, and renders it as a Dockerfile that BuildKit can convert:
//
//	COMPONENT [--from=...] [--name=...] [--exclude=...] [--link] [--checksum=...] src... [name]
//	ANNOTATION key=value...
//
// The rendering keeps every line where it is, so that whatever BuildKit says
// about a line holds for the user's text, and it leaves every other line as it
// was written, byte for byte.
package wasmfile
