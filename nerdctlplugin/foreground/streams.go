package foreground

import (
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"syscall"
)

// sink is a writer that never fails, so that a reader which is gone does not
// stop the others: after an error it discards.
type sink struct {
	writer  io.Writer
	written atomic.Int64
	once    sync.Once
	broken  chan struct{} // closed when err is set
	err     error
}

func newSink(w io.Writer) *sink { return &sink{writer: w, broken: make(chan struct{})} }

func (s *sink) Write(p []byte) (int, error) {
	s.written.Add(int64(len(p)))
	if s.writer == nil {
		return len(p), nil
	}
	select {
	case <-s.broken:
		return len(p), nil
	default:
	}
	if _, err := s.writer.Write(p); err != nil {
		s.once.Do(func() {
			s.err = err
			close(s.broken)
		})
	}
	return len(p), nil
}

// failure is why the sink discards, nil when it does not or when its reader has had
// enough.
func (s *sink) failure() error {
	select {
	case <-s.broken:
	default:
		return nil
	}
	if errors.Is(s.err, syscall.EPIPE) {
		return nil
	}
	return s.err
}

// endReader tells when its reader has ended.
type endReader struct {
	reader io.Reader
	once   sync.Once
	ended  chan struct{}
}

func (r *endReader) Read(p []byte) (int, error) {
	n, err := r.reader.Read(p)
	if err != nil {
		r.once.Do(func() { close(r.ended) })
	}
	return n, err
}
