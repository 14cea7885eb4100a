// Spyengine takes the engine's place in a test: told to compile, it fails, and
// its message says what it could see and do.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

func main() {
	if slices.Contains(os.Args, "--version") {
		fmt.Println("wasmtime 49.0.0 (spy)")
		return
	}
	spy()
	os.Exit(1)
}

func spy() {
	fmt.Fprintln(os.Stderr, "user", os.Getuid(), "group", os.Getgid())
	fmt.Fprintln(os.Stderr, "environment", os.Environ())
	fmt.Fprintln(os.Stderr, "process", os.Getpid())
	if groups, err := os.Getgroups(); err != nil || len(groups) > 0 {
		fmt.Fprintln(os.Stderr, "groups", groups, err)
	}
	escape()
	walked := filepath.WalkDir("/", func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		fmt.Fprintln(os.Stderr, "sees", path)
		if d.IsDir() {
			attempt := filepath.Join(path, "attempt")
			if os.WriteFile(attempt, []byte("#!/engine/wasmtime\n"), 0o755) == nil {
				fmt.Fprintln(os.Stderr, "wrote in", path)
				if mapsExecutable(attempt) {
					fmt.Fprintln(os.Stderr, "can execute in", path)
				}
			}
			_ = os.Remove(attempt)
		}
		return nil
	})
	if walked != nil {
		fmt.Fprintln(os.Stderr, "walk:", walked)
	}
	fmt.Fprintln(os.Stderr, "arguments", strings.Join(os.Args[1:], " "))
}

// mapsExecutable reports whether the kernel lets the content of a file be executed.
func mapsExecutable(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	mapped, err := syscall.Mmap(int(f.Fd()), 0, 1, syscall.PROT_READ|syscall.PROT_EXEC, syscall.MAP_PRIVATE)
	return err == nil && syscall.Munmap(mapped) == nil
}

// escape tries what would lead to the host, and tells what it could do.
func escape() {
	for family := range 64 {
		if fd, err := syscall.Socket(family, syscall.SOCK_STREAM, 0); err == nil {
			fmt.Fprintln(os.Stderr, "socket of family", family)
			_ = syscall.Close(fd)
		}
	}
	for fd := 3; fd < 1024; fd++ {
		var info syscall.Stat_t
		if syscall.Fstat(fd, &info) == nil && info.Mode&syscall.S_IFMT != 0 {
			fmt.Fprintf(os.Stderr, "file %d is open\n", fd)
		}
	}
	if err := syscall.Kill(-1, 0); err == nil {
		fmt.Fprintln(os.Stderr, "can signal others")
	}
	if err := syscall.Setuid(0); err == nil {
		fmt.Fprintln(os.Stderr, "became root")
	}
	const numberOfProcesses = 6 // RLIMIT_NPROC, which package syscall does not name
	var threads syscall.Rlimit
	if err := syscall.Getrlimit(numberOfProcesses, &threads); err != nil || threads.Max > 10_000 {
		fmt.Fprintln(os.Stderr, "may have threads:", threads.Max, err)
	}
	for name, flag := range map[string]uintptr{"no": 0, "user": syscall.CLONE_NEWUSER, "mount": syscall.CLONE_NEWNS, "network": syscall.CLONE_NEWNET} {
		attr := &os.ProcAttr{Sys: &syscall.SysProcAttr{Cloneflags: flag}}
		if process, err := os.StartProcess("/engine/wasmtime", []string{"wasmtime", "--version"}, attr); err == nil {
			_, _ = process.Wait()
			fmt.Fprintln(os.Stderr, "made a process with a namespace:", name)
		}
	}
	if err := syscall.Unshare(syscall.CLONE_NEWUSER); err == nil {
		fmt.Fprintln(os.Stderr, "left its user namespace")
	}
	const sessionKeyring, describe = ^uintptr(2), 6
	if _, _, errno := syscall.Syscall6(syscall.SYS_KEYCTL, describe, sessionKeyring, 0, 0, 0, 0); errno == 0 {
		fmt.Fprintln(os.Stderr, "has keys of whoever started it")
	}
	if _, _, errno := syscall.Syscall(syscall.SYS_PTRACE, syscall.PTRACE_TRACEME, 0, 0); errno == 0 {
		fmt.Fprintln(os.Stderr, "can trace")
	}
}
