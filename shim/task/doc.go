// Package task is the containerd task service of the shim: containerd's own
// service for runc, of which it changes what a WebAssembly container needs.
// Create makes the bundle one that runs the engine, Kill does what signals
// mean for a program that cannot handle them, and exit statuses tell so. All
// else, and every container that is not WebAssembly, is runc's.
package task
