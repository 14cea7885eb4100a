package tracing

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/containerd/ttrpc"
	"github.com/sirupsen/logrus"
)

// envOutput makes the test's executable the program that spans are given to:
// it writes them into the file that the variable names.
const (
	envOutput = "TRACES_TEST_OUTPUT"
	// envWait names a file that it waits for.
	envWait = "TRACES_TEST_WAIT"
)

// patience is how long a file is waited for.
const patience = 10 * time.Second

func TestMain(m *testing.M) {
	output := os.Getenv(envOutput)
	if output == "" {
		os.Exit(m.Run())
	}
	err := waitFor(os.Getenv(envWait))
	var input []byte
	if err == nil {
		input, err = io.ReadAll(os.Stdin)
	}
	if err == nil {
		err = os.WriteFile(output+".new", input, 0o600)
	}
	if err == nil {
		err = os.Rename(output+".new", output)
	}
	if err != nil {
		os.Stderr.WriteString(err.Error())
		os.Exit(3)
	}
	os.Exit(0)
}

// waitFor waits until there is a file, if it has a name.
func waitFor(file string) error {
	for deadline := time.Now().Add(patience); file != ""; time.Sleep(10 * time.Millisecond) {
		if _, err := os.Stat(file); err == nil || time.Now().After(deadline) {
			return err
		}
	}
	return nil
}

func start(cmd *exec.Cmd) (func() (int, error), error) {
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return func() (int, error) {
		err := cmd.Wait()
		var failed *exec.ExitError
		if errors.As(err, &failed) {
			return failed.ExitCode(), nil
		}
		return 0, err
	}, nil
}

// newRecorder returns a Recorder of which the spans get to a file, and its
// log.
func newRecorder(t *testing.T) (r *Recorder, output string, logged *strings.Builder) {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	output = filepath.Join(dir, "spans")
	t.Setenv(envOutput, output)
	logged = &strings.Builder{}
	logger := logrus.New()
	logger.SetOutput(logged)
	return New(program, filepath.Join(dir, "slots"), start, logrus.NewEntry(logger)), output, logged
}

func readSpans(t *testing.T, path string) (spans []*Span) {
	t.Helper()
	if err := waitFor(path); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(content, &spans); err != nil {
		t.Fatalf("%v: %s", err, content)
	}
	return spans
}

func TestEnabled(t *testing.T) {
	const endpoint, traces = "OTEL_EXPORTER_OTLP_ENDPOINT=http://c", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://c"
	cases := map[string]bool{
		"": false, endpoint: true, traces: true,
		endpoint + " OTEL_SDK_DISABLED=true":      false,
		endpoint + " OTEL_SDK_DISABLED=TRUE":      false,
		endpoint + " OTEL_SDK_DISABLED=false":     true,
		endpoint + " OTEL_SDK_DISABLED=1":         true, // The specification: only "true" is true.
		endpoint + " OTEL_TRACES_EXPORTER=none":   false,
		endpoint + " OTEL_TRACES_EXPORTER=otlp":   true,
		endpoint + " OTEL_TRACES_EXPORTER=zipkin": false,
		"OTEL_SERVICE_NAME=x":                     false,
		"OTEL_EXPORTER_OTLP_ENDPOINT=":            false,
	}
	for environ, want := range cases {
		getenv := func(name string) string {
			for variable := range strings.FieldsSeq(environ) {
				if value, ok := strings.CutPrefix(variable, name+"="); ok {
					return value
				}
			}
			return ""
		}
		if got := Enabled(getenv); got != want {
			t.Errorf("with %q it is %v", environ, got)
		}
	}
}

// Given a span with a step, of a caller with a trace, the program gets all
// that when the recorder is closed.
func TestRecord(t *testing.T) {
	r, output, _ := newRecorder(t)
	ctx := ttrpc.WithMetadata(t.Context(), ttrpc.MD{
		"traceparent": {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}, "authorization": {"secret"},
	})
	ctx, create := r.Begin(ctx, "create")
	create.Set(ContainerID, "c")
	create.Set(ImageName, "")
	create.Set(ComponentName, strings.Repeat("n", 5000))
	_, compile := Begin(ctx, "compile")
	compile.Fail("compile")
	compile.End()
	_, late := Begin(ctx, "late")
	create.End()
	create.Set(Namespace, "after the end")
	late.End()
	create.End()
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	_, after := r.Begin(ctx, "after")
	after.End()
	spans := readSpans(t, output)
	if len(spans) != 1 {
		t.Fatalf("exported are %d spans", len(spans))
	}
	got := spans[0]
	if got.Name != "create" || got.Failed || got.Caller["traceparent"] == "" || len(got.Caller) != 1 || got.Ended.Before(got.Start) {
		t.Errorf("the span is %+v", got)
	}
	if name, _ := got.Attributes[ComponentName].(string); len(got.Attributes) != 2 || got.Attributes[ContainerID] != "c" || len(name) != maxValue {
		t.Errorf("the attributes are %v", got.Attributes)
	}
	if len(got.Children) != 1 || got.Children[0].Name != "compile" || !got.Children[0].Failed || got.Children[0].Attributes[ErrorType] != "compile" {
		t.Errorf("the steps are %+v", got.Children)
	}
}

// A program that takes its time is not waited for, and goes on by itself.
func TestCloseDoesNotWait(t *testing.T) {
	r, output, _ := newRecorder(t)
	closed := filepath.Join(t.TempDir(), "closed")
	t.Setenv(envWait, closed)
	_, span := r.Begin(t.Context(), "create")
	span.End()
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(closed, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if spans := readSpans(t, output); len(spans) != 1 {
		t.Errorf("exported are %d spans", len(spans))
	}
}

// Spans that come faster than they are exported are dropped, and the log says
// how many.
func TestBounded(t *testing.T) {
	r, output, logged := newRecorder(t)
	for range maxWaiting + 10 {
		_, span := r.Begin(t.Context(), "create")
		span.End()
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if spans := readSpans(t, output); len(spans) != maxWaiting {
		t.Errorf("exported are %d spans", len(spans))
	}
	if !strings.Contains(logged.String(), "spans=10") {
		t.Errorf("logged is %q", logged)
	}
}

// When a host has as many exports under way as it may, one more is given up,
// and there is room again when one has ended.
func TestSlots(t *testing.T) {
	r, output, logged := newRecorder(t)
	var taken []*os.File
	for range maxExports {
		slot, err := takeSlot(r.slots)
		if err != nil {
			t.Fatal(err)
		}
		defer slot.Close()
		taken = append(taken, slot)
	}
	_, span := r.Begin(t.Context(), "create")
	span.End()
	r.export()
	if !strings.Contains(logged.String(), errBusy.Error()) {
		t.Errorf("logged is %q", logged)
	}
	if err := taken[3].Close(); err != nil {
		t.Fatal(err)
	}
	_, span = r.Begin(t.Context(), "start")
	span.End()
	r.export()
	if spans := readSpans(t, output); len(spans) != 1 || spans[0].Name != "start" {
		t.Errorf("exported are %+v", spans)
	}
}

// What the program says when it fails is logged.
func TestProgramFails(t *testing.T) {
	r, output, logged := newRecorder(t)
	if err := os.Mkdir(output, 0o700); err != nil { // Nothing can be written there.
		t.Fatal(err)
	}
	_, span := r.Begin(t.Context(), "create")
	span.End()
	r.export()
	if !strings.Contains(logged.String(), "ends with 3") || !strings.Contains(logged.String(), "spans=1") {
		t.Errorf("logged is %q", logged)
	}
	r.program = "/nowhere"
	_, span = r.Begin(t.Context(), "create")
	span.End()
	if err := r.Close(); err != nil || !strings.Contains(logged.String(), "/nowhere") {
		t.Errorf("closing gives %v, logged is %q", err, logged)
	}
}

// Where nothing is recorded, nothing happens.
func TestNothingRecorded(t *testing.T) {
	var r *Recorder
	ctx, span := r.Begin(context.Background(), "create")
	_, step := Begin(ctx, "compile")
	for _, s := range []*Span{span, step, FromContext(ctx)} {
		if s != nil {
			t.Errorf("there is a span %+v", s)
		}
		s.Set(ContainerID, "c")
		s.Exit(1)
		s.Fail("x")
		s.End()
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
}
