package foreground

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// failing is a writer like a pipe to a program that ended.
type failing struct{ after int }

func (f *failing) Write(p []byte) (int, error) {
	if f.after--; f.after < 0 {
		return 0, errors.New("broken pipe")
	}
	return len(p), nil
}

func TestSinkOutlivesItsReader(t *testing.T) {
	var other bytes.Buffer
	broken := newSink(&failing{after: 1})
	both := io.MultiWriter(broken, newSink(&other), newSink(nil))
	for range 4 {
		if n, err := io.WriteString(both, "line\n"); n != 5 || err != nil {
			t.Fatalf("wrote %d, %v", n, err)
		}
	}
	if other.String() != strings.Repeat("line\n", 4) {
		t.Errorf("the other reader got %q", other.String())
	}
	select {
	case <-broken.broken:
	default:
		t.Error("nobody is told that the reader has gone")
	}
	if broken.written.Load() != 20 {
		t.Errorf("%d bytes are counted", broken.written.Load())
	}
}

// TestSinkTellsWhatIsLost: given a reader that had enough, nothing is lost; given output
// that cannot be written, the error says why.
func TestSinkTellsWhatIsLost(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	r.Close()
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	for _, c := range []struct {
		out  io.Writer
		want error
	}{{&bytes.Buffer{}, nil}, {w, nil}, {full, syscall.ENOSPC}} {
		connected := New(Options{Stdout: c.out})
		if _, err := io.WriteString(connected.stdout, "text"); err != nil {
			t.Fatal(err)
		}
		if err := connected.Lost(); !errors.Is(err, c.want) {
			t.Errorf("%T: %v, not %v", c.out, err, c.want)
		}
	}
}

func TestEndReaderTellsOnce(t *testing.T) {
	r := &endReader{reader: strings.NewReader("abc"), ended: make(chan struct{})}
	content, err := io.ReadAll(r)
	if err != nil || string(content) != "abc" {
		t.Fatalf("read %q, %v", content, err)
	}
	if _, err := r.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("after the end: %v", err)
	}
	select {
	case <-r.ended:
	default:
		t.Error("the end is not told")
	}
}

func TestNoLogger(t *testing.T) {
	for _, uri := range []string{"", "none", "file:///var/log/x"} {
		l, err := startLogger(uri, "ns", "id")
		if l != nil || err != nil {
			t.Errorf("%q: %v, %v", uri, l, err)
		}
		if err := l.close(); err != nil {
			t.Errorf("%q: %v", uri, err)
		}
	}
	if _, err := startLogger("binary:///no/such/program?a=b", "ns", "id"); err == nil || !strings.Contains(err.Error(), "/no/such/program") {
		t.Errorf("no program: %v", err)
	}
}

// TestLoggerGetsEverything: a logging program reads both streams to their
// ends, and close waits for it.
func TestLoggerGetsEverything(t *testing.T) {
	dir := t.TempDir()
	program, result := filepath.Join(dir, "logger"), filepath.Join(dir, "result")
	script := "#!/bin/sh\ncat <&3 >" + result + "\ncat <&4 >>" + result + "\nprintf '%s' \"$CONTAINER_NAMESPACE/$CONTAINER_ID\" >>" + result + "\n"
	if err := os.WriteFile(program, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	l, err := startLogger("binary://"+program+"?key=value", "ns", "id")
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range []struct {
		to   io.Writer
		text string
	}{{l.stdout, "out "}, {l.stderr, "err "}} {
		if _, err := io.WriteString(w.to, w.text); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.close(); err != nil {
		t.Fatal(err)
	}
	if content, err := os.ReadFile(result); err != nil || string(content) != "out err ns/id" {
		t.Errorf("the log is %q, %v", content, err)
	}
}
