// Package artifact is the format that the frontend writes, the plugin pulls
// and the shim runs: one OCI image manifest whose Wasm layers are raw .wasm
// blobs and whose filesystem layers are ordinary tar layers.
//
// It knows media types, annotations, limits, how to read and check an
// artifact that comes from anywhere, how to choose the layer that a process
// starts, and how to write an artifact as an OCI image layout. It knows
// nothing of containerd, registries or BuildKit.
package artifact
