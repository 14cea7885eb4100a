package tracing

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/containerd/ttrpc"
)

// Names of attributes: those that OpenTelemetry's semantic conventions have,
// and our own.
const (
	ContainerID     = "container.id"
	RuntimeName     = "container.runtime.name"
	ImageName       = "container.image.name"
	ManifestDigest  = "oci.manifest.digest"
	ExitCode        = "process.exit.code"
	ErrorType       = "error.type"
	Namespace       = "containerd.namespace"
	ExecID          = "io.github.wasmfile.exec.id"
	ComponentName   = "io.github.wasmfile.component.name"
	ComponentDigest = "io.github.wasmfile.component.digest"
)

const (
	// maxValue is the most bytes of an attribute's value.
	maxValue = 1024

	// maxChildren is the most steps of one span.
	maxChildren = 64
)

// traceHeaders are the keys of a request's metadata by which a caller says of
// which trace it is a part (W3C Trace Context).
var traceHeaders = []string{"traceparent", "tracestate"}

// Span is something that the shim did, or a step of it. It has no identity
// yet: what exports it gives it one. A nil *Span records nothing.
type Span struct {
	Name string `json:"name"`
	// Caller has the trace headers of the request that asked for it.
	Caller map[string]string `json:"caller,omitempty"`
	// Served says that it is the work for a request, not a step of that.
	Served bool      `json:"served,omitempty"`
	Start  time.Time `json:"start"`
	// Ended is when it was over.
	Ended time.Time `json:"end"`
	// Attributes are strings and, of ExitCode, an integer.
	Attributes map[string]any `json:"attributes,omitempty"`
	// Failed says that it ended with an error.
	Failed   bool    `json:"failed,omitempty"`
	Children []*Span `json:"children,omitempty"`

	mu       sync.Mutex
	parent   *Span
	recorder *Recorder
}

type spanKey struct{}

// FromContext returns the span that is under way, nil when none is recorded.
func FromContext(ctx context.Context) *Span {
	s, _ := ctx.Value(spanKey{}).(*Span)
	return s
}

// Begin begins a step of the span of ctx.
func Begin(ctx context.Context, name string) (context.Context, *Span) {
	parent := FromContext(ctx)
	if parent == nil {
		return ctx, nil
	}
	s := &Span{Name: name, Start: time.Now(), parent: parent}
	return context.WithValue(ctx, spanKey{}, s), s
}

// caller reads the trace headers of a request.
func caller(ctx context.Context) map[string]string {
	var headers map[string]string
	for _, key := range traceHeaders {
		if value, ok := ttrpc.GetMetadataValue(ctx, key); ok && len(value) <= maxValue {
			if headers == nil {
				headers = make(map[string]string)
			}
			headers[key] = value
		}
	}
	return headers
}

// Set adds an attribute, unless its value is empty. Values are cut after 1 KiB.
func (s *Span) Set(name, value string) {
	if s == nil || value == "" {
		return
	}
	if len(value) > maxValue {
		value = value[:maxValue]
	}
	s.set(name, strings.ToValidUTF8(value, ""))
}

// Exit says how a process ended: any other code than 0 is an error.
func (s *Span) Exit(code uint32) {
	if s == nil {
		return
	}
	s.set(ExitCode, int64(code))
	if code != 0 {
		s.Fail("exit")
	}
}

// Fail says that the span ends with an error, of a kind. The error's message is not
// recorded, because it may quote what the guest was given.
func (s *Span) Fail(kind string) {
	if s == nil {
		return
	}
	s.set(ErrorType, kind)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Failed = true
}

func (s *Span) set(name string, value any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.Ended.IsZero() {
		return
	}
	if s.Attributes == nil {
		s.Attributes = make(map[string]any)
	}
	s.Attributes[name] = value
}

// End ends the span. Steps of it that end later are lost.
func (s *Span) End() { s.EndAt(time.Now()) }

// EndAt is End for what was over earlier.
func (s *Span) EndAt(end time.Time) {
	if s == nil {
		return
	}
	s.mu.Lock()
	again := !s.Ended.IsZero()
	if !again {
		s.Ended = end
	}
	s.mu.Unlock()
	switch {
	case again:
	case s.parent != nil:
		s.parent.add(s)
	default:
		s.recorder.add(s)
	}
}

func (s *Span) add(child *Span) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.Ended.IsZero() && len(s.Children) < maxChildren {
		s.Children = append(s.Children, child)
	}
}
