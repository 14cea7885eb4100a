package e2e

import (
	"bytes"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"
	"time"

	collectorpb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// shimScope is the instrumentation scope of the shim's spans.
const shimScope = "github.com/wasmfile/wasmfile/shim"

// span is one that a collector received.
type span struct {
	name, scope, service string
	id, parent, trace    string
	attributes           map[string]string
	server, failed       bool
}

// collector receives spans by OTLP over HTTP.
type collector struct {
	t   *testing.T
	url string

	mu    sync.Mutex
	spans []span
	// ours are the bytes of requests with spans of the shim.
	ours   [][]byte
	tokens []string
}

func startCollector(t *testing.T) *collector {
	t.Helper()
	c := &collector{t: t}
	server := httptest.NewServer(c)
	t.Cleanup(server.Close)
	c.url = server.URL
	return c
}

// ServeHTTP implements http.Handler.
func (c *collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	request := &collectorpb.ExportTraceServiceRequest{}
	if err == nil {
		err = proto.Unmarshal(body, request)
	}
	if err != nil || r.URL.Path != "/v1/traces" {
		c.t.Errorf("the collector got %s %s: %v", r.Method, r.URL, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tokens = append(c.tokens, r.Header.Get("X-Token"))
	for _, resource := range request.ResourceSpans {
		service := attributesOf(resource.Resource.GetAttributes())["service.name"]
		for _, scope := range resource.ScopeSpans {
			if scope.Scope.GetName() == shimScope {
				c.ours = append(c.ours, body)
			}
			for _, s := range scope.Spans {
				c.spans = append(c.spans, span{
					name: s.Name, scope: scope.Scope.GetName(), service: service,
					id: hex.EncodeToString(s.SpanId), parent: hex.EncodeToString(s.ParentSpanId), trace: hex.EncodeToString(s.TraceId),
					attributes: attributesOf(s.Attributes),
					server:     s.Kind == tracepb.Span_SPAN_KIND_SERVER, failed: s.Status.GetCode() == tracepb.Status_STATUS_CODE_ERROR,
				})
			}
		}
	}
	w.Header().Set("Content-Type", "application/x-protobuf")
}

func attributesOf(list []*commonpb.KeyValue) map[string]string {
	attributes := map[string]string{}
	for _, a := range list {
		switch v := a.Value.GetValue().(type) {
		case *commonpb.AnyValue_StringValue:
			attributes[a.Key] = v.StringValue
		case *commonpb.AnyValue_IntValue:
			attributes[a.Key] = strconv.FormatInt(v.IntValue, 10)
		}
	}
	return attributes
}

// find returns the span that a test asks for when there is one.
func (c *collector) find(matches func(span) bool) (found span, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.spans {
		if matches(s) {
			return s, true
		}
	}
	return span{}, false
}

// await waits for the shim's span of this name for a container itself, and not
// for what is executed in it unless that is its name.
func (c *collector) await(name, container string) (found span) {
	c.t.Helper()
	eventually(c.t, 20*time.Second, "a span "+name+" of "+container, func() (ok bool) {
		found, ok = c.find(func(s span) bool {
			return s.scope == shimScope && s.name == name && s.attributes["container.id"] == container &&
				(name == "exec" || s.attributes["io.github.wasmfile.exec.id"] == "")
		})
		return ok
	})
	return found
}

// holds tells whether the shim has sent a text.
func (c *collector) holds(text string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return bytes.Contains(bytes.Join(c.ours, nil), []byte(text))
}
