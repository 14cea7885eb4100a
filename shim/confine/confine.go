// Package confine runs one program that reads hostile input: alone in its own
// namespaces, as a user that nobody else is, in a root that holds only what it is
// given, without network, privileges or a way to gain them, with limits on memory,
// time, threads and output, and without the system calls that would be of use to who
// took it over only, such as those that start another process.
//
// The program is started in two steps, because Go cannot run code between
// fork and exec: Command makes the calling executable start itself with
// Argument first, in new namespaces, and there Main confines the process and
// replaces it with the program.
package confine

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"syscall"
)

// Argument is the first argument with which Command starts the calling
// executable, whose main must call Main for it before all else.
const Argument = "confined-child"

// Spec says what to run and what it may use.
type Spec struct {
	// Root is an empty directory of the host that becomes the root.
	Root string
	// Mounts are the files and directories that the program sees.
	Mounts []Mount
	// Args are the program, a path inside Root, and its arguments.
	Args []string
	// Memory is the most address space, in bytes, that it may have.
	Memory uint64
	// FileSize is the most bytes that a file may grow to.
	FileSize uint64
	// CPUSeconds is the most processor time that it may use.
	CPUSeconds uint64
}

// Mount is a file or directory of the host in the program's root.
type Mount struct {
	Source, Target string
	// Directory tells a directory from a file.
	Directory bool
	// Writable lets the program write to it; it never may execute what is
	// writable.
	Writable bool
}

// Command returns the command that runs a Spec. Its standard streams are the
// program's, and may be set. Nobody has to be told that it is no longer
// wanted: it dies with the thread that starts it.
func Command(s Spec) (*exec.Cmd, error) {
	encoded, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("encode what to confine: %w", err)
	}
	cmd := exec.Command("/proc/self/exe", Argument, string(encoded))
	cmd.Env = []string{}
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWNET | syscall.CLONE_NEWIPC | syscall.CLONE_NEWUTS | syscall.CLONE_NEWPID,
		Pdeathsig:  syscall.SIGKILL,
		Setsid:     true,
	}
	return cmd, nil
}
