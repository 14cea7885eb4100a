package confine

import (
	"fmt"
	"runtime"
	"slices"
	"unsafe"

	"golang.org/x/sys/unix"
)

// forbidden are system calls that no program needs which makes a file of another
// one, and by which one that was taken over would look for a way out: sockets, of
// which some families know no network namespace; namespaces, in which it would have
// all privileges that its own lacks; and what reaches other processes, the keys of
// whoever started it, and much of the kernel.
var forbidden = slices.Concat(forks, []uint32{
	unix.SYS_SOCKET,
	unix.SYS_UNSHARE, unix.SYS_SETNS, unix.SYS_CHROOT, unix.SYS_PIVOT_ROOT,
	unix.SYS_MOUNT, unix.SYS_UMOUNT2, unix.SYS_OPEN_TREE, unix.SYS_MOVE_MOUNT, unix.SYS_MOUNT_SETATTR,
	unix.SYS_FSOPEN, unix.SYS_FSPICK, unix.SYS_FSCONFIG, unix.SYS_FSMOUNT,
	unix.SYS_PTRACE, unix.SYS_PROCESS_VM_READV, unix.SYS_PROCESS_VM_WRITEV, unix.SYS_KCMP, unix.SYS_PIDFD_GETFD,
	unix.SYS_KEYCTL, unix.SYS_ADD_KEY, unix.SYS_REQUEST_KEY,
	unix.SYS_BPF, unix.SYS_PERF_EVENT_OPEN, unix.SYS_USERFAULTFD, unix.SYS_IO_URING_SETUP,
})

// namespaces are the flags of clone that make some.
const namespaces = unix.CLONE_NEWNS | unix.CLONE_NEWCGROUP | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC | unix.CLONE_NEWUSER | unix.CLONE_NEWPID | unix.CLONE_NEWNET

// architectures are those of which this package knows how they call the kernel, by
// Go's names. Elsewhere nothing is forbidden.
var architectures = map[string]uint32{"amd64": unix.AUDIT_ARCH_X86_64, "arm64": unix.AUDIT_ARCH_AARCH64, "riscv64": unix.AUDIT_ARCH_RISCV64}

// Where the kernel's seccomp_data has what a filter looks at: of an argument, the
// lower half.
const (
	dataNumber       = 0
	dataArchitecture = 4
	dataArgument     = 16

	// foreignNumbers are those of amd64's other ABI, x32.
	foreignNumbers = 0x4000_0000
)

// forbid has the kernel refuse what is forbidden to this thread and to what it
// executes. It needs no_new_privs.
func forbid() error {
	architecture, known := architectures[runtime.GOARCH]
	if !known {
		return nil
	}
	program := filter(architecture)
	prog := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	if err := unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&prog)), 0, 0); err != nil {
		return fmt.Errorf("install a seccomp filter: %w: the kernel has to have CONFIG_SECCOMP_FILTER", err)
	}
	return nil
}

// filter is the program for the kernel's seccomp: what it refuses fails as without
// privileges, and clone3, whose flags a filter cannot see, as on a kernel without it.
func filter(architecture uint32) []unix.SockFilter {
	load := func(offset uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: offset}
	}
	result := func(action uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: action}
	}
	// skipUnless passes over the next instruction unless the comparison holds.
	skipUnless := func(comparison uint16, value uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_K | comparison, Jf: 1, K: value}
	}
	refused := result(unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM))
	program := []unix.SockFilter{
		load(dataArchitecture),
		{Code: unix.BPF_JMP | unix.BPF_K | unix.BPF_JEQ, Jt: 1, K: architecture},
		result(unix.SECCOMP_RET_KILL_PROCESS),
		load(dataNumber),
		skipUnless(unix.BPF_JGE, foreignNumbers), refused,
		skipUnless(unix.BPF_JEQ, unix.SYS_CLONE3), result(unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS)),
	}
	for _, number := range forbidden {
		program = append(program, skipUnless(unix.BPF_JEQ, number), refused)
	}
	allowed := result(unix.SECCOMP_RET_ALLOW)
	return append(program,
		unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_K | unix.BPF_JEQ, Jt: 1, K: unix.SYS_CLONE}, allowed,
		load(dataArgument),
		skipUnless(unix.BPF_JSET, namespaces), refused,
		skipUnless(unix.BPF_JSET, unix.CLONE_THREAD), allowed,
		refused,
	)
}
