// Package conformance has no code of its own: its test runs the cases that
// BuildKit publishes with its Dockerfile frontend, once through that frontend
// and once through this one, and compares what each asks of the builder. With
// -race, it reports that the former writes a field from several goroutines, the
// same value each time (builder.withResolveCache); this one does not use it.
package conformance
