// Package engine is the stock wasmtime executable as the shim uses it: found
// on the host, copied once with the libraries it needs into a directory that
// containers mount read-only, run to compile components in confinement, and
// given a command line per container.
package engine
