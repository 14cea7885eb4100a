package wasm

import (
	"bytes"
	"fmt"
	"unicode/utf8"
)

// FormatError says where a file stops being WebAssembly, and why.
type FormatError struct {
	// Offset is where in the file, in bytes.
	Offset int64
	// Reason is what is wrong there and, where it is known, what to do: a
	// sentence in lower case.
	Reason string
	// Err is the error of the reader, when that is the reason.
	Err error
}

// Error gives the offset in hexadecimal, as tools print it, and the reason.
func (e *FormatError) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("offset 0x%x: %s: %v", e.Offset, e.Reason, e.Err)
	}
	return fmt.Sprintf("offset 0x%x: %s", e.Offset, e.Reason)
}

// Unwrap returns the reader's error, if that is the reason.
func (e *FormatError) Unwrap() error { return e.Err }

// lookalikes are what people take for WebAssembly, by their first bytes.
var lookalikes = []struct {
	prefix string
	reason string
}{
	{"\x7fELF", "this is an ELF file: native or precompiled code is not portable, publish the .wasm it was made from"},
	{"MZ", "this is a Windows executable"},
	{"\xcf\xfa\xed\xfe", "this is a Mach-O executable: publish the .wasm it was made from"},
	{"\xce\xfa\xed\xfe", "this is a Mach-O executable: publish the .wasm it was made from"},
	{"\xca\xfe\xba\xbe", "this is a Mach-O executable or Java class: publish the .wasm it was made from"},
	{"BZh", "this is bzip2-compressed: Wasm layers are not compressed, unpack it first"},
	{"\xfd7zXZ\x00", "this is xz-compressed: Wasm layers are not compressed, unpack it first"},
	{"\x1f\x8b", "this is gzip-compressed: Wasm layers are not compressed, unpack it first"},
	{"\x28\xb5\x2f\xfd", "this is zstd-compressed: Wasm layers are not compressed, unpack it first"},
	{"PK\x03\x04", "this is a zip archive"},
	{"#!", "this is a script"},
	{"(module", "this is WebAssembly text: compile it, for example by `wasm-tools parse`"},
	{"(component", "this is WebAssembly text: compile it, for example by `wasm-tools parse`"},
	{";;", "this is WebAssembly text: compile it, for example by `wasm-tools parse`"},
	{"(;", "this is WebAssembly text: compile it, for example by `wasm-tools parse`"},
	{"<", "this is HTML or XML"},
}

// notWasm describes a file that does not begin with the magic number.
func notWasm(header []byte) *FormatError {
	if len(header) == 0 {
		return &FormatError{Reason: "the file is empty"}
	}
	if bytes.HasPrefix(magic, header) {
		return &FormatError{Offset: int64(len(header)), Reason: "the file ends within the header (truncated?)"}
	}
	text := bytes.TrimLeft(header, " \t\r\n\uFEFF")
	for _, l := range lookalikes {
		if bytes.HasPrefix(text, []byte(l.prefix)) {
			return &FormatError{Reason: l.reason}
		}
	}
	if utf8.Valid(header) && !bytes.ContainsRune(header, 0) {
		return &FormatError{Reason: "this is text, not a WebAssembly binary"}
	}
	return &FormatError{Reason: fmt.Sprintf("a WebAssembly binary begins with %x, not with %x", magic, header[:min(4, len(header))])}
}
