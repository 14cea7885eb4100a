// Package conformance runs the same guests through every client of containerd
// on one shim, and tells whether each behaves as a container should.
package conformance
