//go:build !amd64

package confine

// forks are the system calls that start a process and nothing else: there are none.
var forks []uint32
