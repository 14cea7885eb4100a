// Package lifecycle does, without starting an OCI runtime, what `runc start`,
// `runc delete`, `crun start` and `crun delete` do for a container that the same
// runtime has created: each is a write or two to files, for which a process takes
// milliseconds to start. Whatever is not entirely ordinary is left to the runtime.
// What the runtime's create waits for in the kernel is begun before it.
package lifecycle
