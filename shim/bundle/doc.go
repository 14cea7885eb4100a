// Package bundle turns the OCI runtime bundle of a WebAssembly container into
// one that runs the engine: the engine in a root of its own, the image's files
// and the user's mounts below one directory that the engine opens as the
// guest's "/".
//
// It changes only the runtime-spec config; what it decides can be read in the
// golden files of its tests.
package bundle
