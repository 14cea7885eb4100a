package wasm

import (
	"bufio"
	"fmt"
	"io"
	"unicode"
	"unicode/utf8"
)

// maxName is the most bytes that an import's or export's name may have.
const maxName = 4096

// bufferSize is how much of a file is read at once, in bytes.
const bufferSize = 64 << 10

// cursor reads a file forward only, each byte at most once: all readers of a
// file share one, so that sections in sections cost no more than others.
type cursor struct {
	buffered *bufio.Reader
	source   io.ReaderAt
	offset   int64 // of the next byte
	size     int64
}

func newCursor(source io.ReaderAt, size int64) *cursor {
	return &cursor{
		buffered: bufio.NewReaderSize(io.NewSectionReader(source, 0, size), int(min(size, bufferSize))),
		source:   source, size: size,
	}
}

// seek continues at the same or a later offset without reading what lies
// between.
func (c *cursor) seek(offset int64) error {
	distance := offset - c.offset
	c.offset = offset
	if distance <= int64(c.buffered.Buffered()) {
		_, err := c.buffered.Discard(int(distance))
		return err
	}
	c.buffered.Reset(io.NewSectionReader(c.source, offset, c.size-offset))
	return nil
}

// reader reads a range of the file and knows where it is. A range within it is
// read before it is continued. Its methods panic with a *FormatError, which
// Parse recovers: the format is nested deep enough that checking each byte
// would hide what is read.
type reader struct {
	cursor *cursor
	offset int64 // of the next byte, in the file
	end    int64 // of the range, in the file
	what   string
}

// newReader is a reader of the first size bytes of a file.
func newReader(file io.ReaderAt, size int64) *reader {
	size = max(size, 0)
	return &reader{cursor: newCursor(file, size), end: size, what: "the file"}
}

// recoverFormatError is deferred by whoever uses a reader: it makes what the
// reader panics with the function's error.
func recoverFormatError(err *error) {
	if cause := recover(); cause != nil {
		formatError, ok := cause.(*FormatError)
		if !ok {
			panic(cause)
		}
		*err = formatError
	}
}

// within is a reader of the next size bytes of r, which r then has passed.
func (r *reader) within(size int64, what string) reader {
	start := r.offset
	r.skip(size, what)
	return reader{cursor: r.cursor, offset: start, end: start + size, what: what}
}

// skip passes the next size bytes unread.
func (r *reader) skip(size int64, what string) {
	if size > r.end-r.offset {
		r.fail(fmt.Sprintf("%s of %d bytes ends beyond the end of %s at 0x%x (truncated?)", what, size, r.what, r.end))
	}
	r.offset += size
}

// need makes sure that the next n bytes are in the range, and that the cursor
// is before them.
func (r *reader) need(n int) {
	if int64(n) > r.end-r.offset {
		r.check(io.ErrUnexpectedEOF)
	}
	if r.cursor.offset != r.offset {
		r.check(r.cursor.seek(r.offset))
	}
}

// peek returns the next n bytes, fewer at the end of the range.
func (r *reader) peek(n int) []byte {
	n = int(min(int64(n), r.end-r.offset))
	r.need(n)
	b, err := r.cursor.buffered.Peek(n)
	r.check(err)
	return b
}

func (r *reader) fail(reason string) {
	panic(&FormatError{Offset: r.offset, Reason: reason})
}

func (r *reader) check(err error) {
	switch err {
	case nil:
	case io.EOF, io.ErrUnexpectedEOF:
		r.fail(r.what + " ends too early (truncated?)")
	default:
		panic(&FormatError{Offset: r.offset, Reason: "read " + r.what, Err: err})
	}
}

func (r *reader) more() bool { return r.offset < r.end }

// done checks that the range is used up.
func (r *reader) done() {
	if r.more() {
		r.fail(fmt.Sprintf("%d bytes too many in %s", r.end-r.offset, r.what))
	}
}

func (r *reader) byte() byte {
	r.need(1)
	b, err := r.cursor.buffered.ReadByte()
	r.check(err)
	r.offset++
	r.cursor.offset++
	return b
}

func (r *reader) bytes(n int) []byte {
	r.need(n)
	b := make([]byte, n)
	_, err := io.ReadFull(r.cursor.buffered, b)
	r.check(err)
	r.offset += int64(n)
	r.cursor.offset += int64(n)
	return b
}

// uint reads a LEB128 number of at most 32 bits.
func (r *reader) uint() uint32 {
	var value uint64
	for shift := 0; ; shift += 7 {
		if shift > 28 {
			r.fail("a number in " + r.what + " has more than five bytes")
		}
		b := r.byte()
		value |= uint64(b&0x7f) << shift
		if b&0x80 == 0 {
			break
		}
	}
	if value > 1<<32-1 {
		r.fail("a number in " + r.what + " has more than 32 bits")
	}
	return uint32(value)
}

// long reads over a LEB128 number of at most 64 bits.
func (r *reader) long() {
	for range 10 {
		if r.byte()&0x80 == 0 {
			return
		}
	}
	r.fail("a number in " + r.what + " has more than ten bytes")
}

// name reads a name. What it may not have, no tool writes and a terminal
// would suffer from.
func (r *reader) name() string {
	n := r.uint()
	if n > maxName {
		r.fail(fmt.Sprintf("a name in %s has %d bytes, the limit is %d", r.what, n, maxName))
	}
	if int64(n) > r.end-r.offset {
		r.fail(fmt.Sprintf("a name of %d bytes ends beyond %s (truncated?)", n, r.what))
	}
	name := string(r.bytes(int(n)))
	if !utf8.ValidString(name) {
		r.fail("a name in " + r.what + " is not UTF-8")
	}
	for _, c := range name {
		if unicode.IsControl(c) {
			r.fail(fmt.Sprintf("name %q in %s has a control character", name, r.what))
		}
	}
	return name
}
