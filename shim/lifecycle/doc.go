// Package lifecycle does, without starting runc, what `runc start` and `runc
// delete` do for a container that runc has created: each is a write or two to
// files, for which a process takes ten milliseconds to start. Whatever is not
// entirely ordinary is left to runc.
package lifecycle
