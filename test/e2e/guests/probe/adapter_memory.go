//go:build wasip1

package main

import (
	"os"
	"unsafe"
)

// adapterMemory is where the adapter that makes a component of this module
// keeps its own state. Left alone it would grow the memory for it, and Go's
// allocator takes every page beyond its heap for its own: the first growth of
// the heap would destroy both.
var adapterMemory [1 << 20]byte

// tellAdapterMemory ends the program with the address as exit code, for the
// tool that makes the component.
func tellAdapterMemory() {
	os.Exit(int(uintptr(unsafe.Pointer(&adapterMemory))))
}
