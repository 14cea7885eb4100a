package launch

import (
	"encoding/binary"
	"strings"
	"time"
)

// The messages of containerd that matter here are read and written field by
// field: the library for them is what takes long to initialize.

// bootstrap is what has to be known of containerd's BootstrapParams.
type bootstrap struct {
	id, namespace, address, socketDir string
	// debug asks for a debugging log, and shimCgroup for the shim to be moved
	// into a cgroup.
	debug, shimCgroup bool
}

// debugLevel is the highest level of a log that is a debugging one.
const debugLevel = -4

func parseBootstrap(message []byte) (b bootstrap, ok bool) {
	ok = eachField(message, func(f field) bool {
		switch f.tag {
		case 1<<3 | kindBytes:
			b.id = string(f.bytes)
		case 2<<3 | kindBytes:
			b.namespace = string(f.bytes)
		case 3<<3 | kindVarint:
			b.debug = int32(f.varint) <= debugLevel
		case 6<<3 | kindBytes:
			b.address = string(f.bytes)
		case 8<<3 | kindBytes:
			return b.readExtension(f.bytes)
		case 9<<3 | kindBytes:
			b.socketDir = string(f.bytes)
		}
		return true
	})
	return b, ok
}

// readExtension reads an Extension.
func (b *bootstrap) readExtension(message []byte) bool {
	return eachField(message, func(f field) bool { return f.tag != 1<<3|kindBytes || b.readOptions(f.bytes) })
}

// readOptions reads a google.protobuf.Any, which may be options for runc.
func (b *bootstrap) readOptions(message []byte) bool {
	var kind string
	var options []byte
	ok := eachField(message, func(f field) bool {
		switch f.tag {
		case 1<<3 | kindBytes:
			kind = string(f.bytes)
		case 2<<3 | kindBytes:
			options = f.bytes
		}
		return true
	})
	if !ok || !strings.HasSuffix(kind, "containerd.runc.v1.Options") {
		return ok
	}
	return eachField(options, func(f field) bool {
		b.shimCgroup = b.shimCgroup || f.tag == 3<<3|kindBytes && len(f.bytes) > 0
		return true
	})
}

// bootstrapResult is a BootstrapResult: the third version of the task service,
// by ttrpc.
func bootstrapResult(address string) []byte {
	m := appendVarint(nil, 1, 3)
	m = appendBytes(m, 2, []byte(address))
	return appendBytes(m, 3, []byte("ttrpc"))
}

// exit is the record of how a process ended that containerd's library for runc
// writes.
type exit struct {
	Timestamp time.Time
	Pid       int
	Status    int
}

// deleteResponse is a DeleteResponse of the task service.
func deleteResponse(e exit) []byte {
	at := appendVarint(nil, 1, uint64(e.Timestamp.Unix()))
	at = appendVarint(at, 2, uint64(e.Timestamp.Nanosecond()))
	m := appendVarint(nil, 1, uint64(e.Pid))
	m = appendVarint(m, 2, uint64(e.Status))
	return appendBytes(m, 3, at)
}

// The kinds of fields of protobuf's encoding.
const (
	kindVarint  = 0
	kindFixed64 = 1
	kindBytes   = 2
	kindFixed32 = 5
)

// field is a field of a message: a number or bytes, according to its kind,
// which are the last three bits of its tag.
type field struct {
	tag    uint64
	varint uint64
	bytes  []byte
}

// eachField calls f with the fields of a message. It reports false for a
// message that is damaged, or when f does.
func eachField(message []byte, f func(field) bool) bool {
	for len(message) > 0 {
		tag, size := binary.Uvarint(message)
		if size <= 0 {
			return false
		}
		message = message[size:]
		one := field{tag: tag}
		switch tag & 7 {
		case kindVarint:
			if one.varint, size = binary.Uvarint(message); size <= 0 {
				return false
			}
		case kindBytes:
			length, n := binary.Uvarint(message)
			if n <= 0 || length > uint64(len(message)-n) {
				return false
			}
			size = n + int(length)
			one.bytes = message[n:size]
		case kindFixed64:
			size = 8
		case kindFixed32:
			size = 4
		default:
			return false
		}
		if size > len(message) || !f(one) {
			return false
		}
		message = message[size:]
	}
	return true
}

func appendVarint(m []byte, number int, value uint64) []byte {
	return binary.AppendUvarint(binary.AppendUvarint(m, uint64(number)<<3|kindVarint), value)
}

func appendBytes(m []byte, number int, value []byte) []byte {
	m = binary.AppendUvarint(m, uint64(number)<<3|kindBytes)
	return append(binary.AppendUvarint(m, uint64(len(value))), value...)
}
