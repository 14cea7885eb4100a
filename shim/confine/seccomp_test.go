package confine

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// envTry makes the test's executable try what is forbidden.
const envTry = "CONFINE_TRY"

func TestMain(m *testing.M) {
	switch os.Getenv(envTry) {
	case "forbid":
		runtime.LockOSThread()
		err := errors.Join(unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), forbid())
		if err == nil {
			err = unix.Exec("/proc/self/exe", os.Args, []string{envTry + "=calls"})
		}
		fmt.Println(err)
		os.Exit(1)
	case "calls":
		tryCalls()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// tryCalls tells what the kernel says to some system calls.
func tryCalls() {
	for _, call := range []struct {
		name   string
		number uintptr
		first  uintptr
	}{
		{"getpid", unix.SYS_GETPID, 0},
		{"socket", unix.SYS_SOCKET, unix.AF_UNIX},
		{"unshare", unix.SYS_UNSHARE, unix.CLONE_NEWUSER},
		{"clone", unix.SYS_CLONE, unix.CLONE_NEWUSER | uintptr(unix.SIGCHLD)},
		{"fork", unix.SYS_CLONE, uintptr(unix.SIGCHLD)},
		{"clone3", unix.SYS_CLONE3, 0},
		{"keyctl", unix.SYS_KEYCTL, 0},
		{"ptrace", unix.SYS_PTRACE, unix.PTRACE_TRACEME},
		{"x32 getpid", foreignNumbers + unix.SYS_GETPID, 0},
	} {
		_, _, errno := unix.RawSyscall(call.number, call.first, 0, 0)
		fmt.Printf("%s: %d\n", call.name, errno)
	}
	for _, number := range forks {
		if _, _, errno := unix.RawSyscall(uintptr(number), 0, 0, 0); errno != unix.EPERM {
			fmt.Printf("call %d: %d\n", number, errno)
		}
	}
	other := exec.Command("/proc/self/exe", "-test.run=^$")
	other.Env = []string{}
	fmt.Println("process:", errors.Is(other.Run(), unix.EPERM))
	// Go ends the program when it cannot have a thread.
	var threads, all sync.WaitGroup
	all.Add(8)
	for range 8 {
		threads.Go(func() {
			runtime.LockOSThread()
			all.Done()
			all.Wait()
		})
	}
	threads.Wait()
	// Nor is another program forbidden, in place of this one.
	fmt.Println("program:", unix.Exec("/proc/self/exe", []string{"/proc/self/exe", "-test.run=^$", "-test.v"}, []string{}))
}

// Given a program in which somebody else has the say, it can still do what a
// compiler does, and nothing that leads out of its confinement.
func TestForbidden(t *testing.T) {
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = []string{envTry + "=forbid"}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v: %s", err, &out)
	}
	want := fmt.Sprintf("getpid: 0\nsocket: %[1]d\nunshare: %[1]d\nclone: %[1]d\nfork: %[1]d\nclone3: %[2]d\nkeyctl: %[1]d\nptrace: %[1]d\nx32 getpid: %[1]d\nprocess: true\ntesting: warning: no tests to run\nPASS\n",
		unix.EPERM, unix.ENOSYS)
	if got := out.String(); got != want {
		t.Errorf("the kernel says\n%s\nnot\n%s", got, want)
	}
}
