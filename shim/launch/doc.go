// Package launch does what the shim's executable is run for besides serving:
// containerd runs it once to start a shim and once to clean up, for each
// container. Both are a few system calls, but a shim that serves needs many
// libraries, and initializing those takes more than twice the time of all else.
//
// So it is done while the program is initialized, before those libraries are. Go
// initializes packages in the order of their import paths as far as what they
// import allows, and this package imports little: protobuf's registry, gRPC and
// containerd's library all come after it. What is not entirely ordinary is left to
// containerd's library, which then finds everything as if this package had not
// been there.
//
// Only the program imports it: its initialization ends the process.
package launch

import "os"

func init() {
	if run(os.Args[1:]) {
		os.Exit(0)
	}
}
