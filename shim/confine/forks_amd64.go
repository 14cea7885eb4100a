package confine

import "golang.org/x/sys/unix"

// forks are the system calls that start a process and nothing else.
var forks = []uint32{unix.SYS_FORK, unix.SYS_VFORK}
