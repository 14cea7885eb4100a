package bundle

import (
	"slices"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

const callConnect = "connect"

// withoutConnect returns a seccomp profile in which connect fails with EACCES
// or as whatever else the given one does not allow. It is for a server, whose
// engine makes requests for any guest that asks: the guest is told by the
// kernel that it cannot. The engine itself is trusted, and knows no other way to
// connect.
func withoutConnect(profile *specs.LinuxSeccomp) *specs.LinuxSeccomp {
	denied := &specs.LinuxSeccomp{DefaultAction: specs.ActAllow}
	if profile != nil {
		copied := *profile
		denied = &copied
	}
	var kept []specs.LinuxSyscall
	for _, rule := range denied.Syscalls {
		rule.Names = slices.DeleteFunc(slices.Clone(rule.Names), func(name string) bool { return name == callConnect })
		if len(rule.Names) > 0 {
			kept = append(kept, rule)
		}
	}
	denied.Syscalls = kept
	if denied.DefaultAction != specs.ActErrno {
		code := uint(unix.EACCES)
		denied.Syscalls = append(kept, specs.LinuxSyscall{Names: []string{callConnect}, Action: specs.ActErrno, ErrnoRet: &code})
	}
	return denied
}
