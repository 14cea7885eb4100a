package confine

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strconv"

	"golang.org/x/sys/unix"
)

// exitFailure is the status when the program could not be confined, and so
// was not run.
const exitFailure = 125

// Main is the second step of a Command: args are all arguments of the
// process. It returns an exit status only when it fails, having said why on
// stderr.
func Main(args []string, stderr io.Writer) int {
	err := errors.New("no program to confine")
	if len(args) == 3 {
		err = run([]byte(args[2]))
	}
	fmt.Fprintf(stderr, "confine: %v\n", err)
	return exitFailure
}

func run(encoded []byte) error {
	// All that follows concerns the one thread that will exec.
	runtime.LockOSThread()
	var s Spec
	if err := json.Unmarshal(encoded, &s); err != nil {
		return err
	}
	if len(s.Args) == 0 {
		return errors.New("no program")
	}
	if err := closeOthers(); err != nil {
		return err
	}
	if err := enterRoot(s); err != nil {
		return err
	}
	if err := setLimits(s); err != nil {
		return err
	}
	if err := dropPrivileges(); err != nil {
		return err
	}
	if err := forbid(); err != nil {
		return err
	}
	return fmt.Errorf("exec %s: %w", s.Args[0], unix.Exec(s.Args[0], s.Args, []string{"HOME=/"}))
}

// closeOthers lets the program inherit its standard streams and no other file
// that some parent left open.
func closeOthers() error {
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return fmt.Errorf("list open files: %w", err)
	}
	for _, entry := range open {
		if fd, err := strconv.Atoi(entry.Name()); err == nil && fd > 2 {
			unix.CloseOnExec(fd)
		}
	}
	return nil
}

// enterRoot builds the root as a small tmpfs, makes it read-only and leaves
// the host's.
func enterRoot(s Spec) error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	const flags = unix.MS_NOSUID | unix.MS_NODEV
	if err := unix.Mount("tmpfs", s.Root, "tmpfs", flags, "size=64k,mode=755"); err != nil {
		return fmt.Errorf("mount a root at %s: %w", s.Root, err)
	}
	for _, m := range s.Mounts {
		if err := bind(s.Root, m); err != nil {
			return fmt.Errorf("mount %s at %s: %w", m.Source, m.Target, err)
		}
	}
	if err := unix.Mount("", s.Root, "", unix.MS_REMOUNT|unix.MS_RDONLY|flags, ""); err != nil {
		return fmt.Errorf("make the root read-only: %w", err)
	}
	if err := unix.Chdir(s.Root); err != nil {
		return err
	}
	if err := unix.PivotRoot(".", "."); err != nil {
		return fmt.Errorf("pivot_root: %w", err)
	}
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return fmt.Errorf("leave the host's root: %w", err)
	}
	return unix.Chdir("/")
}

func bind(root string, m Mount) error {
	target := filepath.Join(root, filepath.Clean("/"+m.Target))
	if m.Directory {
		if err := os.Mkdir(target, 0o755); err != nil {
			return err
		}
	} else if err := os.WriteFile(target, nil, 0o644); err != nil {
		return err
	}
	if err := unix.Mount(m.Source, target, "", unix.MS_BIND, ""); err != nil {
		return err
	}
	flags := uintptr(unix.MS_REMOUNT | unix.MS_BIND | unix.MS_NOSUID | unix.MS_NODEV)
	if m.Writable {
		flags |= unix.MS_NOEXEC
	} else {
		flags |= unix.MS_RDONLY
	}
	return unix.Mount("", target, "", flags, "")
}

// maxThreads is for a program that has some threads for each processor.
func maxThreads() uint64 { return 32 + 4*uint64(runtime.NumCPU()) }

func setLimits(s Spec) error {
	for resource, limit := range map[int]uint64{
		unix.RLIMIT_AS: s.Memory, unix.RLIMIT_FSIZE: s.FileSize, unix.RLIMIT_CPU: s.CPUSeconds,
		unix.RLIMIT_CORE: 0, unix.RLIMIT_NOFILE: 64, unix.RLIMIT_MEMLOCK: 0, unix.RLIMIT_NPROC: maxThreads(),
	} {
		var usual unix.Rlimit
		if err := unix.Getrlimit(resource, &usual); err != nil {
			return fmt.Errorf("get resource limit %d: %w", resource, err)
		}
		limit = min(limit, usual.Max) // which not everyone may raise
		if err := unix.Setrlimit(resource, &unix.Rlimit{Cur: limit, Max: limit}); err != nil {
			return fmt.Errorf("set resource limit %d: %w", resource, err)
		}
	}
	return nil
}

// dropPrivileges leaves no capability in any set and no way to get one back.
func dropPrivileges() error {
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("set no_new_privs: %w", err)
	}
	for capability := uintptr(0); capability <= unix.CAP_LAST_CAP; capability++ {
		// EINVAL: a capability that this kernel does not know.
		if err := unix.Prctl(unix.PR_CAPBSET_DROP, capability, 0, 0, 0); err != nil && !errors.Is(err, unix.EINVAL) {
			return fmt.Errorf("drop capability %d: %w", capability, err)
		}
	}
	if err := leaveUser(); err != nil {
		return err
	}
	// Changing the user has cleared it.
	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0); err != nil {
		return fmt.Errorf("set the parent death signal: %w", err)
	}
	return nil
}

const (
	// firstUser is the first of ownUsers users and groups to which nothing on a host
	// belongs: distributions, systemd and subordinate IDs have others.
	firstUser = 0x7000_0000
	ownUsers  = 1 << 24

	// nobody is the user and group where there are no others.
	nobody = 65534
)

// leaveUser becomes a user that nobody else is, by chance: processes of the same one
// could trace it and send it signals, and count for its limits. A user namespace
// mostly has no such user, but nobody of its own.
func leaveUser() error {
	if become(firstUser+rand.Uint32N(ownUsers)) == nil {
		return nil
	}
	if err := become(nobody); err != nil {
		return fmt.Errorf("%w: in a user namespace, as of a rootless containerd, it has to be there: "+
			"the namespace's owner needs 65536 IDs in /etc/subuid and in /etc/subgid", err)
	}
	return nil
}

func become(user uint32) error {
	id := uintptr(user)
	for _, step := range []struct {
		trap       uintptr
		a1, a2, a3 uintptr
	}{
		{unix.SYS_SETGROUPS, 0, 0, 0},
		{unix.SYS_SETRESGID, id, id, id},
		{unix.SYS_SETRESUID, id, id, id},
	} {
		if _, _, errno := unix.RawSyscall(step.trap, step.a1, step.a2, step.a3); errno != 0 {
			return fmt.Errorf("become user %d: %w", user, errno)
		}
	}
	return nil
}
