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

// reader reads a range of the file and knows where it is. Its methods panic
// with a *FormatError, which Parse recovers: the format is nested deep enough
// that checking each byte would hide what is read.
type reader struct {
	buffered *bufio.Reader
	source   io.ReaderAt
	offset   int64 // of the next byte, in the file
	end      int64 // of the range, in the file
	what     string
}

// within is a reader of the next size bytes of r, which r then has passed.
func (r *reader) within(size int64, what string) *reader {
	start := r.offset
	r.skip(size, what)
	return newReader(r.source, start, start+size, what)
}

// skip passes the next size bytes unread.
func (r *reader) skip(size int64, what string) {
	if size > r.end-r.offset {
		r.fail(fmt.Sprintf("%s of %d bytes ends beyond the end of %s at 0x%x (truncated?)", what, size, r.what, r.end))
	}
	r.seek(r.offset + size)
}

// newReader reads the bytes from offset to end. Its buffer is no larger than
// they are.
func newReader(source io.ReaderAt, offset, end int64, what string) *reader {
	section := io.NewSectionReader(source, offset, end-offset)
	return &reader{
		buffered: bufio.NewReaderSize(section, int(min(end-offset, 64<<10))),
		source:   source, offset: offset, end: end, what: what,
	}
}

// seek continues at a later offset without reading what lies between.
func (r *reader) seek(offset int64) {
	if distance := offset - r.offset; distance <= int64(r.buffered.Buffered()) {
		_, err := r.buffered.Discard(int(distance))
		r.check(err)
	} else {
		r.buffered.Reset(io.NewSectionReader(r.source, offset, r.end-offset))
	}
	r.offset = offset
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
	b, err := r.buffered.ReadByte()
	r.check(err)
	r.offset++
	return b
}

func (r *reader) bytes(n int) []byte {
	b := make([]byte, n)
	_, err := io.ReadFull(r.buffered, b)
	r.check(err)
	r.offset += int64(n)
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
