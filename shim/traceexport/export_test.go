package traceexport

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	collectorpb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/wasmfile/wasmfile/shim/tracing"
)

// collector is an OTLP receiver that keeps the requests.
type collector struct {
	headers  http.Header
	received []*tracepb.ResourceSpans
}

func newCollector(t *testing.T) *collector {
	t.Helper()
	c := &collector{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		request := &collectorpb.ExportTraceServiceRequest{}
		if err == nil {
			err = proto.Unmarshal(body, request)
		}
		if err != nil || r.URL.Path != "/v1/traces" {
			t.Errorf("a request for %s: %v", r.URL, err)
		}
		c.headers = r.Header
		c.received = append(c.received, request.ResourceSpans...)
		w.Header().Set("Content-Type", "application/x-protobuf")
	}))
	t.Cleanup(server.Close)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", server.URL)
	return c
}

func (c *collector) spans() (spans []*tracepb.Span) {
	for _, resource := range c.received {
		for _, scope := range resource.ScopeSpans {
			spans = append(spans, scope.Spans...)
		}
	}
	return spans
}

func pairs(attributes []*commonpb.KeyValue) []string {
	var list []string
	for _, a := range attributes {
		text := a.Value.GetStringValue()
		if _, ok := a.Value.Value.(*commonpb.AnyValue_IntValue); ok {
			text = "int " + string(rune('0'+a.Value.GetIntValue()))
		}
		list = append(list, a.Key+"="+text)
	}
	slices.Sort(list)
	return list
}

var began = time.Date(2026, 1, 2, 3, 4, 5, 600, time.UTC)

func encode(t *testing.T, spans ...*tracing.Span) io.Reader {
	t.Helper()
	encoded, err := json.Marshal(spans)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.NewReader(encoded)
}

func create(caller string) *tracing.Span {
	s := &tracing.Span{
		Name: "create", Served: true, Start: began, Ended: began.Add(time.Second),
		Attributes: map[string]any{"container.id": "c"},
		Children:   []*tracing.Span{{Name: "compile", Start: began.Add(time.Millisecond), Ended: began.Add(2 * time.Millisecond), Failed: true}},
	}
	if caller != "" {
		s.Caller = map[string]string{"traceparent": caller}
	}
	return s
}

// Given recorded spans, the collector gets them with their times, attributes
// and parents, of the service that the environment names.
func TestExport(t *testing.T) {
	c := newCollector(t)
	t.Setenv("OTEL_SERVICE_NAME", "edge")
	t.Setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test")
	t.Setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20abc")
	run := &tracing.Span{Name: "run", Start: began, Ended: began.Add(time.Hour), Attributes: map[string]any{"process.exit.code": 7}}
	var stderr strings.Builder
	if code := Main(encode(t, create("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"), run), &stderr); code != 0 {
		t.Fatalf("it ends with %d: %s", code, stderr.String())
	}
	if got := c.headers.Get("Authorization"); got != "Bearer abc" {
		t.Errorf("the header is %q", got)
	}
	resource := pairs(c.received[0].Resource.Attributes)
	for _, want := range []string{"service.name=edge", "deployment.environment.name=test"} {
		if !slices.Contains(resource, want) {
			t.Errorf("the resource is %q, without %s", resource, want)
		}
	}
	spans := map[string]*tracepb.Span{}
	for _, s := range c.spans() {
		spans[s.Name] = s
	}
	outer, inner, other := spans["create"], spans["compile"], spans["run"]
	if len(spans) != 3 || outer == nil || inner == nil || other == nil {
		t.Fatalf("the spans are %v", spans)
	}
	if !bytes.Equal(outer.ParentSpanId, []byte{0xb7, 0xad, 0x6b, 0x71, 0x69, 0x20, 0x33, 0x31}) || outer.TraceId[0] != 0x0a {
		t.Errorf("create is in trace %x below %x", outer.TraceId, outer.ParentSpanId)
	}
	if !bytes.Equal(inner.ParentSpanId, outer.SpanId) || !bytes.Equal(inner.TraceId, outer.TraceId) {
		t.Errorf("compile is below %x, not %x", inner.ParentSpanId, outer.SpanId)
	}
	if len(other.ParentSpanId) != 0 || bytes.Equal(other.TraceId, outer.TraceId) {
		t.Errorf("run is below %x", other.ParentSpanId)
	}
	if outer.StartTimeUnixNano != uint64(began.UnixNano()) || outer.EndTimeUnixNano-outer.StartTimeUnixNano != uint64(time.Second) {
		t.Errorf("create lasts from %d to %d", outer.StartTimeUnixNano, outer.EndTimeUnixNano)
	}
	if outer.Kind != tracepb.Span_SPAN_KIND_SERVER || inner.Kind != tracepb.Span_SPAN_KIND_INTERNAL {
		t.Errorf("the kinds are %v and %v", outer.Kind, inner.Kind)
	}
	if outer.Status.GetCode() == tracepb.Status_STATUS_CODE_ERROR || inner.Status.GetCode() != tracepb.Status_STATUS_CODE_ERROR {
		t.Errorf("the statuses are %v and %v", outer.Status, inner.Status)
	}
	if got := pairs(outer.Attributes); !slices.Equal(got, []string{"container.id=c"}) {
		t.Errorf("create has %q", got)
	}
	if got := pairs(other.Attributes); !slices.Equal(got, []string{"process.exit.code=int 7"}) {
		t.Errorf("run has %q", got)
	}
}

// The sampler is the one that the environment names, and by default follows
// the caller.
func TestSampler(t *testing.T) {
	const sampled, unsampled = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"
	for _, test := range []struct {
		sampler, caller string
		spans           int
	}{
		{"", "", 2}, {"", sampled, 2}, {"", unsampled, 0}, {"always_on", unsampled, 2}, {"always_off", sampled, 0}, {"parentbased_always_off", "", 0},
	} {
		c := newCollector(t)
		t.Setenv("OTEL_TRACES_SAMPLER", test.sampler)
		var stderr strings.Builder
		if code := Main(encode(t, create(test.caller)), &stderr); code != 0 {
			t.Fatalf("it ends with %d: %s", code, stderr.String())
		}
		if got := len(c.spans()); got != test.spans {
			t.Errorf("sampler %q, caller %q: %d spans, not %d", test.sampler, test.caller, got, test.spans)
		}
	}
}

// A collector that refuses, and repeats what it was sent, makes an error
// without secrets.
func TestRefused(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Error(w, "you sent "+r.Header.Get("Authorization")+" and "+r.Header.Get("Api-Key")+"\n"+strings.Repeat("x", 1<<20), http.StatusUnauthorized)
	}))
	defer server.Close()
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", server.URL)
	t.Setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20abcdef,api-key=ghijkl")
	var stderr strings.Builder
	if code := Main(encode(t, create("")), &stderr); code != 1 {
		t.Errorf("it ends with %d", code)
	}
	said := stderr.String()
	if strings.Contains(said, "abcdef") || strings.Contains(said, "ghijkl") || !strings.Contains(said, "401") || len(said) > maxMessage+1 || strings.Count(said, "\n") != 1 {
		t.Errorf("it says %q", said)
	}
}

// A collector that does not answer costs the time that there is, and no more.
func TestHangs(t *testing.T) {
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer server.Close()
	defer close(release)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", server.URL)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	start := time.Now()
	if err := run(ctx, encode(t, create(""))); err == nil {
		t.Error("no error")
	}
	if took := time.Since(start); took >= exportTime { // when the exporter itself gives up
		t.Errorf("it took %v", took)
	}
}

// When it is over, there is no deadline any more.
func TestDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var stderr strings.Builder
		if code := Main(strings.NewReader("{"), &stderr); code != 1 {
			t.Errorf("it ends with %d: %s", code, &stderr)
		}
		time.Sleep(2 * exportTime)
	})
}

func TestMistakes(t *testing.T) {
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
	t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json")
	if err := run(t.Context(), encode(t, create(""))); err == nil || !strings.Contains(err.Error(), "http/protobuf or grpc") {
		t.Errorf("with another protocol: %v", err)
	}
	t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "")
	for _, input := range []string{"", "{", `{"name":"x"}`} {
		if err := run(t.Context(), strings.NewReader(input)); err == nil {
			t.Errorf("%q is taken for spans", input)
		}
	}
}
