// Package traceexport sends the spans that a shim recorded to a collector, by
// OpenTelemetry's SDK, as the standard OTEL_* variables of its environment
// say.
package traceexport

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/wasmfile/wasmfile/pkg/version"
	"github.com/wasmfile/wasmfile/shim/tracing"
)

const (
	// ScopeName is the instrumentation scope of the spans.
	ScopeName = "github.com/wasmfile/wasmfile/shim"

	// serviceName is what the spans are of, where OTEL_SERVICE_NAME and
	// OTEL_RESOURCE_ATTRIBUTES do not say.
	serviceName = "containerd-shim-wasmfile-v1"

	// exportTime is how long an export may take, with all its retries.
	exportTime = 10 * time.Second

	// maxInput is the most bytes of spans.
	maxInput = 16 << 20

	// maxMessage is the most bytes of an error that are printed. A collector
	// may have written a part of it.
	maxMessage = 1 << 10
)

// Main is the program: it reads spans, as package tracing writes them, and
// returns the exit status.
func Main(stdin io.Reader, stderr io.Writer) int {
	// The shim that waits for it may be gone.
	deadline := time.AfterFunc(exportTime+2*time.Second, func() { os.Exit(1) })
	defer deadline.Stop()
	unsetEmpty()
	ctx, cancel := context.WithTimeout(context.Background(), exportTime)
	defer cancel()
	if err := run(ctx, stdin); err != nil {
		message := withoutSecrets(strings.Join(strings.Fields(err.Error()), " "), os.Environ())
		fmt.Fprintln(stderr, message[:min(len(message), maxMessage)])
		return 1
	}
	return 0
}

func run(ctx context.Context, stdin io.Reader) error {
	var spans []*tracing.Span
	decoder := json.NewDecoder(io.LimitReader(stdin, maxInput))
	decoder.UseNumber()
	if err := decoder.Decode(&spans); err != nil {
		return fmt.Errorf("read the spans: %w", err)
	}
	exporter, err := newExporter(ctx)
	if err != nil {
		return err
	}
	about, err := resource.New(ctx,
		resource.WithAttributes(attribute.String("service.name", serviceName), attribute.String("service.version", version.Version)),
		resource.WithTelemetrySDK(), resource.WithHost(), resource.WithFromEnv())
	if err != nil {
		return fmt.Errorf("OTEL_RESOURCE_ATTRIBUTES: %w", err)
	}
	failures := &failures{}
	otel.SetErrorHandler(failures)
	provider := sdktrace.NewTracerProvider(sdktrace.WithResource(about),
		sdktrace.WithBatcher(exporter, sdktrace.WithBlocking(), sdktrace.WithExportTimeout(exportTime)))
	tracer := provider.Tracer(ScopeName, trace.WithInstrumentationVersion(version.Version))
	for _, s := range spans {
		replay(propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier(s.Caller)), tracer, s)
	}
	return errors.Join(provider.Shutdown(ctx), failures.err())
}

// unsetEmpty makes empty variables what OpenTelemetry's specification says
// that they are, and the SDK does not take all of them for: not set.
func unsetEmpty() {
	for _, variable := range os.Environ() {
		if name, value, _ := strings.Cut(variable, "="); value == "" && strings.HasPrefix(name, "OTEL_") {
			_ = os.Unsetenv(name)
		}
	}
}

// newExporter follows OTEL_EXPORTER_OTLP_PROTOCOL; the exporters read the
// other variables themselves.
func newExporter(ctx context.Context) (*otlptrace.Exporter, error) {
	protocol := os.Getenv("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL")
	if protocol == "" {
		protocol = os.Getenv("OTEL_EXPORTER_OTLP_PROTOCOL")
	}
	switch protocol {
	case "", "http/protobuf":
		return otlptracehttp.New(ctx)
	case "grpc":
		return otlptracegrpc.New(ctx)
	}
	return nil, fmt.Errorf("OTEL_EXPORTER_OTLP_PROTOCOL is %q: it must be http/protobuf or grpc", protocol)
}

// replay makes spans of what was recorded, at the times when it happened.
func replay(ctx context.Context, tracer trace.Tracer, s *tracing.Span) {
	kind := trace.SpanKindInternal
	if s.Served {
		kind = trace.SpanKindServer
	}
	ctx, span := tracer.Start(ctx, s.Name, trace.WithTimestamp(s.Start), trace.WithSpanKind(kind), trace.WithAttributes(attributes(s)...))
	for _, child := range s.Children {
		replay(ctx, tracer, child)
	}
	if s.Failed {
		span.SetStatus(codes.Error, "")
	}
	span.End(trace.WithTimestamp(s.Ended))
}

func attributes(s *tracing.Span) []attribute.KeyValue {
	made := make([]attribute.KeyValue, 0, len(s.Attributes))
	for _, name := range slices.Sorted(maps.Keys(s.Attributes)) {
		switch value := s.Attributes[name].(type) {
		case string:
			made = append(made, attribute.String(name, value))
		case json.Number:
			if n, err := value.Int64(); err == nil {
				made = append(made, attribute.Int64(name, n))
			}
		}
	}
	return made
}
