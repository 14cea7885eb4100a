// Package artifact is the format that the frontend writes, the plugin pulls
// and the shim runs: one OCI image manifest whose Wasm layers are raw .wasm
// blobs and whose filesystem layers are ordinary tar layers.
//
// It knows media types, annotations, limits, how to read and check an
// artifact that comes from anywhere, and how to choose the layer that a process
// starts. It knows nothing of containerd, registries or BuildKit. Package
// layoutwriter writes artifacts.
package artifact
