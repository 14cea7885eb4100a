// Package tracing records what the shim does as spans, for OpenTelemetry.
//
// The shim starts three times for a container, so it does not link
// OpenTelemetry's SDK. It records trees of spans, and gives them from time to
// time to a program that does (package traceexport), which sends them and
// ends. What that program and the collector do, or fail to do, is nothing that
// a container waits for.
package tracing
